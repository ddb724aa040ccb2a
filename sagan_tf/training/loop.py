"""The loop: calls of several compiled steps, and between them progress, logs, samples, checkpoints and signals."""

import contextlib
import math
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from sagan_tf.foundation.interruption import Interruption
from sagan_tf.foundation.progress import Progress
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.non_finite import NonFiniteCheck
from sagan_tf.training.recovery import Safeguards
from sagan_tf.training.state import GAN
from sagan_tf.training.state_check import StateCheck
from sagan_tf.training.watchdog import Watchdog
from sagan_tf.training.workers import Workers

SAVING = "Interrupted at step {}: saving once the steps under way are done; interrupt again to leave without saving."


@dataclass(frozen=True, kw_only=True)
class Action:
    """What happens every `every` steps, and at the end: run(step, logs). 0 means never.

    reads_checkpoint: the state of that very step is saved before.
    """

    every: int
    run: Callable[[int, dict[str, float]], None]
    reads_checkpoint: bool = False

    def until(self, step: int) -> float:
        """Steps from here to the action's next turn."""
        return self.every - step % self.every if self.every else math.inf

    def is_due(self, step: int, stop_at: int) -> bool:
        return bool(self.every) and (step % self.every == 0 or step == stop_at)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How far and in which strides: up to `stop_at` of `total_steps`, at most `steps_per_call` steps in one call."""

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
) -> bool:
    """Trains from gan.step to `pace.stop_at`, then saves. True if it came to that, False if a signal stopped it before.

    steps: from `compile_steps`. A call is cut so that it ends where a checkpoint or an action is due. Every worker of
    the strategy calls this; the chief says how long each call is, writes, and has the actions. A signal to any of them
    stops all at the same step.

    Raises:
      NonFiniteError: if losses or gradients are not finite and `safeguards` doesn't pass over it; nothing is saved.
      InvalidStateError: if a state that should be saved is not finite, or not the same on all replicas.
    """
    safeguards = safeguards or Safeguards()
    workers, finiteness = Workers(strategy), NonFiniteCheck(safeguards.skips, steps.tensor_names)
    watchdog = Watchdog(60 * safeguards.hang_minutes)
    save = saver(gan, store, strategy, workers, watchdog)
    iterator, step, saved = iter(batches), int(gan.step.numpy()), -1
    watched = contextlib.nullcontext()  # the first call compiles
    with (
        Interruption(lambda: SAVING.format(step)) as interruption,
        _progress(step, pace, quiet=not workers.is_chief) as bar,
    ):
        compiling = bar.waiting("compiling")
        while step < pace.stop_at:
            planned = _next_call(step, pace, actions) if workers.is_chief else (0, 0)
            interrupted, n, saves = workers.total(int(interruption.received is not None), *planned)
            if interrupted:
                break
            with watched, compiling:
                logs = {name: float(value) for name, value in steps(iterator, tf.constant(n)).items()}
            step += n
            watched, compiling = watchdog.watched(f"the call of the steps after {step}"), contextlib.nullcontext()
            if int(gan.step.numpy()) != step:
                raise RuntimeError(f"the state must be at step {step}; it says {int(gan.step.numpy())}.")
            finiteness.check(logs, n, step)
            _show(bar, n, logs, pace.batch_size, finiteness.skipped)
            if saves:
                saved = save(step)
            _act(actions, step, pace.stop_at, logs, interruption)
        if saved != step:
            save(step)
    return step == pace.stop_at


def saver(
    gan: GAN, store: CheckpointStore, strategy: tf.distribute.Strategy, workers: Workers, watchdog: Watchdog
) -> Callable[[int], int]:
    """Saves a sound state and returns its step: all workers check it, the chief writes it."""
    soundness = StateCheck(gan.variables(), strategy)

    def save(step: int) -> int:
        with watchdog.watched(f"the checkpoint of step {step}"):
            soundness.check(step)
            if workers.is_chief:
                store.save(gan.variables(), step)
        return step

    return save


def _next_call(step: int, pace: Pace, actions: Sequence[Action]) -> tuple[int, int]:
    """How many steps come next, and 1 if a checkpoint follows them, else 0."""
    save = Action(every=pace.checkpoint_every, run=lambda *_: None, reads_checkpoint=True)
    n = min(pace.steps_per_call, pace.stop_at - step, *(action.until(step) for action in (save, *actions)))
    due = [action for action in (save, *actions) if action.is_due(step + n, pace.stop_at)]
    return n, int(any(action.reads_checkpoint for action in due))


def _act(actions: Sequence[Action], step: int, stop_at: int, logs: dict[str, float], interruption) -> None:
    """Runs what is due. One that ends early by KeyboardInterrupt has had a signal, which is ours as well."""
    for action in actions:
        if action.is_due(step, stop_at):
            try:
                action.run(step, logs)
            except KeyboardInterrupt:
                interruption.received = signal.SIGINT


def _progress(step: int, pace: Pace, quiet: bool) -> Progress:
    whole = pace.stop_at == pace.total_steps
    title = "train" if whole else f"train to {pace.stop_at} of {pace.total_steps}"
    return Progress(total=max(pace.stop_at, step), initial=step, title=title, unit="step", delay=0, quiet=quiet)


def _show(bar: Progress, n: int, logs: dict[str, float], batch_size: int, skipped: int) -> None:
    if bar.disable:
        return
    text = f"D {logs['d_loss']:.3f}  G {logs['g_loss']:.3f}" + (f"  {skipped} skipped" if skipped else "")
    bar.set_postfix_str(text, refresh=False)
    bar.update(n)
    if rate := bar.format_dict["rate"]:
        bar.set_postfix_str(f"{text}  {rate * batch_size:.0f} images/s")
