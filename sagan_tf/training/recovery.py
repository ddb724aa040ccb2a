"""Recovery: from the newest good checkpoint at the start, and again after a failure that the run may go back from."""

import json
from dataclasses import dataclass
from pathlib import Path

from sagan_tf.foundation import files
from sagan_tf.training.checkpoints import CheckpointError, CheckpointStore
from sagan_tf.training.non_finite import NonFiniteError
from sagan_tf.training.state import GAN
from sagan_tf.training.workers import Workers


@dataclass(frozen=True, kw_only=True)
class Safeguards:
    """The step itself leaves out an update with non-finite numbers; this is what follows.

    skips: how many steps in a row may leave one out before that counts as a failure. In float16, where the search for
      the loss scale leaves some out, 25 are allowed in any case.
    rollbacks: how many failures a run may have: each time it goes back to the last good checkpoint and on with other
      latents and fake labels. 0 stops at the first.
    hang_minutes: a call of steps (after the first, which compiles) or a checkpoint that takes longer ends the process;
      0 never.

    Raises:
      ValueError: for a negative number, or a count that is no integer.
    """

    skips: int = 0
    rollbacks: int = 0
    hang_minutes: float = 60.0

    def __post_init__(self):
        for name, kind in (("skips", int), ("rollbacks", int), ("hang_minutes", int | float)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, kind) or value < 0:
                raise ValueError(f"Safeguards.{name} must be a number of at least 0; received {name}={value!r}.")


class Rollbacks:
    """How often a run has gone back, in `rollbacks.json` among its checkpoints: the noise to go on with."""

    def __init__(self, folder: Path):
        self._path = Path(folder) / "rollbacks.json"

    @property
    def count(self) -> int:
        return len(self._entries())

    def note(self, step: int, reason: str) -> None:
        """One more, to the checkpoint of `step`; on disk before training goes on, so that a resume does the same."""
        entries = [*self._entries(), {"to": step, "reason": reason}]
        files.write_text(self._path, json.dumps(entries, indent=1), durable=True)

    def _entries(self) -> list[dict]:
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else []


def resume(gan: GAN, store: CheckpointStore, workers: Workers) -> int:
    """Reads the newest good checkpoint, if there is any, and returns the step to go on from.

    The chief chooses it, and sets damaged ones aside; the other workers read the same one.

    Raises:
      CheckpointError: if none of those that are there can be read.
    """
    found = store.restore(gan.variables(), quarantine=True) if workers.is_chief else None
    (step,) = workers.from_chief(-1 if found is None else found)
    if step < 0:
        return 0
    if not workers.is_chief:
        store.restore(gan.variables(), step)
    if int(gan.step.numpy()) != step:
        raise CheckpointError(f"checkpoint {store.path(step)} says step {int(gan.step.numpy())}; it can't be trusted.")
    store.say(f"Going on from step {step} ({store.path(step)})")
    return step


def go_back(
    error: NonFiniteError, gan: GAN, store: CheckpointStore, workers: Workers, rollbacks: Rollbacks, *, allowed: int
) -> None:
    """Reads the last good checkpoint again and notes that, so that training goes on with other noise.

    Raises:
      NonFiniteError: the same with what to do, if the run may not go back (again), or has no checkpoint.
    """
    kept = store.steps()[-1:]
    used, can = workers.from_chief(rollbacks.count, len(kept))
    if used >= allowed or not can:
        again = "Lower the learning rates (TwoTimescaleAdam.g_learning_rate and .d_learning_rate)"
        if kept:
            last = f"The last good checkpoint is {store.path(kept[0])}. {again}"
            last += ", or go on from it with other noise: --gin_bindings="
            last += f"'Safeguards.rollbacks={used + 1}'"
        else:
            last = f"There is no checkpoint yet to go on from. {again}, and start again"
        raise NonFiniteError(
            f"{error}; training stopped and nothing of it was saved, after {used} roll-back(s). {last}."
        ) from error
    store.say(f"Warning: {error}; going back, roll-back {used + 1} of {allowed}")
    step = resume(gan, store, workers)
    if workers.is_chief:
        rollbacks.note(step, str(error))
