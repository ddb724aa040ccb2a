"""What a run does when numbers cease to be finite or a device ceases to answer."""

import json
from dataclasses import dataclass
from pathlib import Path

from sagan_tf.foundation import files

FLOAT16_SKIPS = 25  # more than it takes the loss scale to fall from its start to 1


class NonFiniteError(RuntimeError):
    """A loss or a gradient became NaN or infinite."""


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
