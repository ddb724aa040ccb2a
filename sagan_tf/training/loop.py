"""The training loop: calls of several compiled steps; between them progress, logs, samples, checkpoints and signals."""

import contextlib
import math
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from sagan_tf.foundation.interruption import Interruption
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.progress import Progress
from sagan_tf.foundation.start_up import StartUp
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.non_finite import NonFiniteCheck
from sagan_tf.training.recovery import Safeguards
from sagan_tf.training.state import GAN
from sagan_tf.training.state_check import StateCheck
from sagan_tf.training.watchdog import Watchdog
from sagan_tf.training.workers import Workers

SAVING = "Interrupted at step {}: saving once the current steps are done; interrupt again to exit without saving."


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that happens every `every` steps and at the end of training; 0 means never.

    run: takes the step and the logs of the call that ended there.
    reads_checkpoint: whether a checkpoint of that step is written before.
    """

    every: int
    run: Callable[[int, dict[str, float]], None]
    reads_checkpoint: bool = False

    def until(self, step: int) -> float:
        """How many steps after `step` the action is next due."""
        return self.every - step % self.every if self.every else math.inf

    def is_due(self, step: int, stop_at: int) -> bool:
        return bool(self.every) and (step % self.every == 0 or step == stop_at)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How far to train, and how many steps lie between checkpoints and between the host's checks.

    stop_at: the step to train to, at most total_steps.
    total_steps: the length of the whole run.
    steps_per_call: the largest number of steps in one call.
    checkpoint_every: the number of steps between checkpoints.
    batch_size: images per step, for the display of the speed.
    """

    stop_at: int
    total_steps: int
    steps_per_call: int
    checkpoint_every: int
    batch_size: int


def train(
    gan: GAN,
    steps: Callable,
    batches: Iterable,
    *,
    pace: Pace,
    store: CheckpointStore,
    strategy: tf.distribute.Strategy,
    actions: Sequence[Action] = (),
    safeguards: Safeguards | None = None,
    start_up: StartUp | None = None,
) -> bool:
    """Trains from gan.step to `pace.stop_at` and saves a checkpoint there.

    Returns True if training reached `pace.stop_at`, False if a signal stopped it before.

    steps: from `compile_steps`. Every call ends at the latest where a checkpoint or an action is due.
    batches: the distributed batches from gan.step on.
    start_up: the clock of the command; the chief notes what it shows once the first call is done.

    Every worker of the strategy calls this. The chief decides how long each call is, writes the checkpoints and runs
    the actions. A signal to any worker stops all of them at the same step.

    Raises:
      NonFiniteError: if losses or gradients are not finite in more steps than `safeguards` allow; nothing is saved.
      InvalidStateError: if a state to be saved is not finite, or not the same on all replicas.
    """
    safeguards = safeguards or Safeguards()
    workers, non_finite = Workers(strategy), NonFiniteCheck(safeguards.skips, steps.tensor_names)
    watchdog = Watchdog(60 * safeguards.hang_minutes)
    save = saver(gan, store, strategy, workers, watchdog)
    iterator, step, saved = iter(batches), int(gan.step.numpy()), -1
    watched = contextlib.nullcontext()  # the first call compiles
    with (
        Interruption(lambda: SAVING.format(step)) as interruption,
        _progress(step, pace, quiet=not workers.is_chief) as bar,
    ):
        compiling = _first_call(bar, start_up)
        while step < pace.stop_at:
            planned = _next_call(step, pace, actions) if workers.is_chief else (0, 0)
            interrupted, n, saves = workers.total(int(interruption.received is not None), *planned)
            if interrupted:
                break
            with watched, compiling:
                logs = _fetched(steps(iterator, tf.constant(n)))
            step += n
            watched, compiling = watchdog.watched(f"the call of the steps after {step}"), contextlib.nullcontext()
            if int(gan.step.numpy()) != step:
                raise RuntimeError(f"the state must be at step {step}; received step={int(gan.step.numpy())}.")
            non_finite.check(logs, n, step)
            with _ending_the_run(interruption):
                _show(bar, n, logs, pace.batch_size, non_finite.skipped)
            if saves:
                saved = save(step)
            _act(actions, step, pace.stop_at, logs, interruption)
        if saved != step:
            save(step)
    return step == pace.stop_at


def _fetched(logs: Mapping[str, tf.Tensor]) -> dict[str, float]:
    """The logs as floats, by one transfer from the device: with the layers' norms, they are a few hundred scalars."""
    return dict(zip(logs, tf.stack([*logs.values()]).numpy().tolist(), strict=True))


@contextlib.contextmanager
def _first_call(bar: Progress, start_up: StartUp | None) -> Iterator[None]:
    """Around the call that traces and compiles: a clock, and at its end a note of what the start took."""
    with bar.waiting("compiling"):
        yield
    if not bar.disable and start_up is not None and (took := start_up.end("tracing, compiling and the first steps")):
        note(f"From the command to the first steps: {took}.")


def saver(
    gan: GAN, store: CheckpointStore, strategy: tf.distribute.Strategy, workers: Workers, watchdog: Watchdog
) -> Callable[[int], int]:
    """A function that saves the state of a step and returns that step: all workers check it, the chief writes it."""
    state_check = StateCheck(gan.variables(), strategy)

    def save(step: int) -> int:
        with watchdog.watched(f"the checkpoint of step {step}"):
            state_check.check(step)
            if workers.is_chief:
                store.save(gan.variables(), step)
        return step

    return save


def _next_call(step: int, pace: Pace, actions: Sequence[Action]) -> tuple[int, int]:
    """The number of steps in the next call, and whether a checkpoint follows it (1 or 0)."""
    save = Action(every=pace.checkpoint_every, run=lambda *_: None, reads_checkpoint=True)
    n = min(pace.steps_per_call, pace.stop_at - step, *(action.until(step) for action in (save, *actions)))
    due = [action for action in (save, *actions) if action.is_due(step + n, pace.stop_at)]
    # The end is saved in any case: before the actions, since one of them may fail or stop the run.
    return n, int(step + n == pace.stop_at or any(action.reads_checkpoint for action in due))


def _act(
    actions: Sequence[Action], step: int, stop_at: int, logs: dict[str, float], interruption: Interruption
) -> None:
    """Runs the actions that are due. After a signal, no evaluation is begun before the end: a resumed run does it."""
    for action in actions:
        left_out = interruption.received and action.reads_checkpoint and step < stop_at
        if action.is_due(step, stop_at) and not left_out:
            with _ending_the_run(interruption):
                action.run(step, logs)


@contextlib.contextmanager
def _ending_the_run(interruption: Interruption) -> Iterator[None]:
    """In the block, Ctrl-C, and output that nobody reads any more, end the run with a checkpoint, as a signal does."""
    try:
        yield
    except KeyboardInterrupt:
        interruption.received = signal.SIGINT
    except BrokenPipeError:
        interruption.received = signal.SIGTERM


def _progress(step: int, pace: Pace, quiet: bool) -> Progress:
    title = "train" if pace.stop_at == pace.total_steps else f"train to {pace.stop_at} of {pace.total_steps}"
    return Progress(total=max(pace.stop_at, step), initial=step, title=title, unit="step", delay=0, quiet=quiet)


def _show(bar: Progress, n: int, logs: dict[str, float], batch_size: int, skipped: int) -> None:
    if bar.disable:
        return
    text = f"D {logs['d_loss']:.3f}  G {logs['g_loss']:.3f}" + (f"  {skipped} skipped" if skipped else "")
    bar.set_postfix_str(text, refresh=False)
    bar.update(n)
    if rate := bar.format_dict["rate"]:
        bar.set_postfix_str(f"{text}  {rate * batch_size:.0f} images/s")
