"""The loop: calls of several compiled steps, and between them progress, logs, samples, checkpoints and signals."""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import tensorflow as tf
from tqdm import tqdm

from sagan_tf.interruption import Interruption
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.state import GAN


class NonFiniteError(RuntimeError):
    """A loss became NaN or infinite."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What happens every `every` steps, and at the end: run(step, logs). 0 means never."""

    every: int
    run: Callable[[int, dict[str, float]], None]


def train(
    gan: GAN,
    steps: Callable,
    batches: Iterable,
    *,
    stop_at: int,
    total_steps: int,
    steps_per_call: int,
    batch_size: int,
    checkpoint_every: int,
    store: CheckpointStore,
    actions: Sequence[Action] = (),
) -> bool:
    """Trains from gan.step to `stop_at`, then saves. True if it came to that, False if a signal stopped it earlier.

    steps: from `compile_steps`. A call is cut so that it ends where a checkpoint or an action is due.

    Raises:
      NonFiniteError: with the step and the last good checkpoint; the bad state is not saved.
    """
    iterator, step = iter(batches), int(gan.step.numpy())
    save = Action(every=checkpoint_every, run=lambda at, _: store.save(gan.variables(), at))
    due = (save, *actions)
    with Interruption() as interruption, _progress(step, stop_at, total_steps) as bar:
        while step < stop_at and interruption.received is None:
            n = min(steps_per_call, *(_until(action, step) for action in due), stop_at - step)
            logs = {name: float(value) for name, value in steps(iterator, tf.constant(n)).items()}
            step += n
            if int(gan.step.numpy()) != step:
                raise RuntimeError(f"the state must be at step {step}; it says {int(gan.step.numpy())}.")
            _check_finite(logs, step, store)
            _show(bar, n, logs, batch_size)
            for action in due:
                if _until(action, step - 1) == 1 or (step == stop_at and action.every):
                    action.run(step, logs)
        store.save(gan.variables(), step)
    return interruption.received is None


def _until(action: Action, step: int) -> float:
    """Steps from here to the action's next turn."""
    return action.every - step % action.every if action.every else math.inf


def _check_finite(logs: dict[str, float], step: int, store: CheckpointStore) -> None:
    bad = [name for name, value in logs.items() if not math.isfinite(value)]
    if bad:
        last = store.steps()[-1:]
        kept = f"The last good checkpoint is {store.path(last[0])}" if last else "There is no checkpoint yet"
        raise NonFiniteError(
            f"{', '.join(bad)} became non-finite within the steps up to {step}; training stopped and nothing of it "
            f"was saved. {kept}: repeat the command to go on from it, or lower the learning rates."
        )


def _progress(step: int, stop_at: int, total_steps: int) -> tqdm:
    return tqdm(
        total=max(stop_at, step),
        initial=step,
        desc="train" if stop_at == total_steps else f"train to {stop_at} of {total_steps}",
        unit="step",
        dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 10,
        smoothing=0.1,
    )


def _show(bar: tqdm, n: int, logs: dict[str, float], batch_size: int) -> None:
    bar.set_postfix_str(f"D {logs['d_loss']:.3f}  G {logs['g_loss']:.3f}", refresh=False)
    bar.update(n)
    rate = bar.format_dict["rate"]
    if rate:
        bar.set_postfix_str(f"D {logs['d_loss']:.3f}  G {logs['g_loss']:.3f}  {rate * batch_size:.0f} images/s")
