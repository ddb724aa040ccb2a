"""Recovery: resuming from the newest good checkpoint, and rolling back to it after a failure."""

import json
from dataclasses import dataclass
from pathlib import Path

from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note, warn
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.training.checkpoints import CheckpointError, CheckpointStore
from sagan_tf.training.non_finite import NonFiniteError
from sagan_tf.training.state import GAN
from sagan_tf.training.workers import Workers


@dataclass(frozen=True, kw_only=True)
class Safeguards:
    """What a run does after non-finite numbers, and when a device does not respond.

    A step always skips an update with non-finite numbers; these options decide what happens next.

    skips: how many consecutive steps may skip an update before that counts as a failure. In float16, where finding the
      loss scale takes some skips, at least 25 are allowed.
    rollbacks: how many failures a run may have. After each, it returns to the last good checkpoint and continues with
      different latents and labels of fakes. 0 stops at the first failure.
    hang_minutes: how long a call of several steps (after the first, which compiles) or the writing of a checkpoint may
      take; after that the process ends. 0 sets no limit.

    Raises:
      ValueError: for a negative number, or a count that is not an integer.
    """

    skips: int = 0
    rollbacks: int = 0
    hang_minutes: float = 60.0

    def __post_init__(self):
        store_plain_numbers(self)
        for name, kind in (("skips", int), ("rollbacks", int), ("hang_minutes", int | float)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, kind) or value < 0:
                raise ValueError(f"Safeguards.{name} must be a number of at least 0; received {name}={value!r}.")


class Rollbacks:
    """The record of a run's rollbacks, `rollbacks.json` among its checkpoints. Their number is the run's current noise.

    folder: the run's folder of checkpoints.
    """

    def __init__(self, folder: Path):
        self._path = Path(folder) / "rollbacks.json"

    @property
    def count(self) -> int:
        return len(self._entries())

    def note(self, step: int, reason: str) -> None:
        """Records a rollback to the checkpoint of `step`, durably, so that a resumed run uses the same noise."""
        entries = [*self._entries(), {"to": step, "reason": reason}]
        files.write_text(self._path, json.dumps(entries, indent=1), durable=True)

    def _entries(self) -> list[dict]:
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else []


def resume(gan: GAN, store: CheckpointStore, workers: Workers) -> int:
    """Restores the newest good checkpoint and returns its step; 0 if there is no checkpoint yet.

    The chief chooses the checkpoint and sets damaged ones aside; the other workers read the same one.

    Raises:
      CheckpointError: if there are checkpoints but none can be read.
    """
    # A run that has continued in float16 starts with the initial loss scale.
    how = {"may_lack": [name for name in gan.variables() if ".loss_scale." in name]}
    restored = store.restore(gan.variables(), quarantine=True, **how) if workers.is_chief else None
    (step,) = workers.from_chief(-1 if restored is None else restored)
    if step < 0:
        return 0
    if not workers.is_chief:
        store.restore(gan.variables(), step, **how)
    if int(gan.step.numpy()) != step:
        raise CheckpointError(
            f"checkpoint {store.path(step)} must hold the state of step {step}; received step={int(gan.step.numpy())}. "
            "Remove its folder to go on from the checkpoint before it."
        )
    note(f"Resuming from step {step} ({store.path(step)})")
    return step


def roll_back(
    error: NonFiniteError, gan: GAN, store: CheckpointStore, workers: Workers, rollbacks: Rollbacks, *, allowed: int
) -> None:
    """Restores the last good checkpoint and records this rollback, so that training continues with different noise.

    error: the failure. allowed: how many rollbacks the run may have.

    Raises:
      NonFiniteError: the failure with advice, if the run may not roll back (again) or has no checkpoint.
    """
    kept = store.steps()[-1:]
    used, has_checkpoint = workers.from_chief(rollbacks.count, len(kept))
    if used >= allowed or not has_checkpoint:
        again = "Lower the learning rates (TwoTimescaleAdam.g_learning_rate and .d_learning_rate)"
        if kept:
            last = f"The last good checkpoint is {store.path(kept[0])}. {again}"
            last += ", or resume from it with different noise: --gin_bindings="
            last += f"'Safeguards.rollbacks={used + 1}'"
        else:
            last = f"There is no checkpoint yet to resume from. {again}, and start again"
        raise NonFiniteError(
            f"{error}; training stopped and nothing of it was saved, after {used} rollback(s). {last}."
        ) from error
    warn(f"{error}; returning to the last good checkpoint, rollback {used + 1} of {allowed}")
    step = resume(gan, store, workers)
    if workers.is_chief:
        rollbacks.note(step, str(error))
