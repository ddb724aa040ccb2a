"""Whether a training that is watched from outside may still write checkpoints."""

import time
from pathlib import Path

from sagan_tf.monitoring.health_records import FILE_NAME, FORMER_FILE_NAME, read_health_records
from sagan_tf.runs.run_directory import RunDirectory

QUIET_SECONDS = 900
# Files that a training process modifies while it runs; the lock every few seconds.
_TOUCHED = ("training.lock", "train.jsonl", FILE_NAME, FORMER_FILE_NAME, "checkpoints", "run.json", "samples")


class SignsOfLife:
    """Watches a run directory, and reports when its training has ended before the last step.

    Training that was preempted may restart on another machine within QUIET_SECONDS. Ages are measured from changes seen
    by this process rather than by comparing clocks, which may differ between machines.
    """

    def __init__(self, run: Path):
        self._run = RunDirectory(run)
        self._seen = self._touches()
        self._since = time.monotonic()

    def end(self) -> str | None:
        """Why no further checkpoint is expected; None as long as one is."""
        touches = self._touches()
        if touches != self._seen:
            self._seen, self._since = touches, time.monotonic()
        locked = (self._run.path / _TOUCHED[0]).exists()
        if not locked and self._collapsed():
            return "training stopped because it collapsed (MonitorOptions.collapse='stop')"
        quiet = time.monotonic() - self._since
        if quiet >= QUIET_SECONDS:
            return (
                f"nothing was written to {self._run.path} for {quiet / 60:.0f} minutes, so no training process is "
                "running"
            )
        return None

    def _collapsed(self) -> bool:
        if self._run.experiment().monitoring.collapse != "stop":
            return False
        records = read_health_records(self._run.path)
        return bool(records) and records[-1].collapsed

    def _touches(self) -> tuple[int, ...]:
        return tuple(_touched(self._run.path / name) for name in _TOUCHED)


def _touched(path: Path) -> int:
    """When a file was last touched, in nanoseconds; 0 if it isn't there, or has just been removed."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
