"""One training process per run directory: a lock file that names its holder, and is released if the holder dies.

The lock is `training.lock` in the run directory. It does not use flock, which network file systems lack or emulate
badly: it is created by `link`, which is atomic on NFS too, and its holder touches it every BEAT seconds. Whether the
holder is alive is decided as follows:

* on the same machine, by the process table. The process must have the recorded start time, so that a reused process id
  isn't mistaken for the holder; a zombie counts as dead.
* anywhere else (another host, another container, before a reboot, in a copy of the directory), by the touches: a lock
  that wasn't touched for STALE seconds of the file system's own clock is dead. A fresher one is watched until it is
  touched or that old.

Only training takes the lock; sampling, evaluation and figures only read files that are always complete on disk.
"""

import contextlib
import dataclasses
import json
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from sagan_tf.foundation.notes import note
from sagan_tf.foundation.refusals import report_error
from sagan_tf.runs.lock_holder import Holder
from sagan_tf.runs.run_directory import LOCK, RunError

BEAT, STALE = 10.0, 60.0  # seconds
LOST = 2  # exit code of a training process whose lock another one has taken over


class LockedError(RunError):
    """Another training process holds the run directory."""


class TrainingLock:
    """The lock of one run directory, a context manager: held from `acquire` or entry to `release` or exit.

    say: receives a line before a wait.
    """

    def __init__(self, folder: Path, *, say: Callable[[str], None] = note):
        self.path = Path(folder) / LOCK
        self._say = say
        self._mine: Holder | None = None
        self._stop = threading.Event()
        self._beating: threading.Thread | None = None
        self._made: list[Path] = []

    def acquire(self) -> None:
        """Takes the lock; has no effect if this object already holds it.

        Raises:
          LockedError: if another training process holds it; the message has its host, process and start.
        """
        if self._mine:
            return
        mine = Holder.this_process()
        folder = self.path.parent
        self._made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        while not self._create(mine):
            if (other := self._dead_holder()) is not None:
                self._remove(other)
        self._mine = mine
        self._stop = threading.Event()  # not that of an earlier thread, which may still be waiting for the disk
        self._beating = threading.Thread(target=self._beat, args=[mine, self._stop], name="training lock", daemon=True)
        self._beating.start()

    def release(self) -> None:
        """Releases the lock, and removes a directory that was made for it if it is otherwise empty."""
        self._stop.set()
        if self._beating:
            self._beating.join(timeout=BEAT)
        if self._mine and self._token() == self._mine.token:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._mine, self._made = None, []

    def __enter__(self) -> "TrainingLock":
        self.acquire()
        return self

    def __exit__(self, *_) -> None:
        self.release()

    def _create(self, mine: Holder) -> bool:
        """Creates the lock file with its content atomically. False if there is one already."""
        temporary = self.path.with_name(f".tmp-{LOCK}-{mine.token}")
        try:
            with temporary.open("x", encoding="utf-8") as file:
                _write(mine, file)
            os.link(temporary, self.path)
        except FileExistsError:
            return self._token() == mine.token  # NFS may repeat a request that it has answered
        except OSError:  # a file system without hard links
            try:
                file = self.path.open("x", encoding="utf-8")
            except FileExistsError:
                return False
            try:
                with file:
                    _write(mine, file)
            except OSError:  # such as a full disk
                self.path.unlink(missing_ok=True)
                raise
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return True

    def _holder(self) -> Holder | None:
        """Who holds the lock; None if the file is gone or incomplete."""
        try:
            return Holder(**json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _is_original(self, holder: Holder) -> bool:
        """Whether the lock is the file that the holder made; the one in a copy of the directory is not."""
        with contextlib.suppress(OSError):
            return holder.inode in (0, self.path.stat().st_ino)
        return False

    def _token(self) -> str:
        holder = self._holder()
        return holder.token if holder else ""

    def _touched(self) -> float | None:
        try:
            return self.path.stat().st_mtime
        except OSError:
            return None

    def _dead_holder(self) -> str | None:
        """The token of a holder that is dead ("" if the file names none); None if the lock has disappeared in the
        meantime.

        Raises:
          LockedError: if the holder is alive.
        """
        began, first, told = time.monotonic(), self._touched(), False
        while (touched := self._touched()) is not None:
            holder = self._holder()
            if holder and holder.is_here() and self._is_original(holder):
                if holder.is_alive():
                    raise self._refusal(holder)
                return holder.token
            if touched != first:
                raise self._refusal(holder)
            left = STALE - max(self._file_system_time() - touched, time.monotonic() - began)
            if left < 0:
                return holder.token if holder else ""
            if not told:
                who = f"process {holder.pid} on {holder.host}" if holder else "a process that it doesn't name"
                self._say(f"{self.path} is held by {who}; waiting up to {left:.0f} s for a sign of life.")
                told = True
            time.sleep(min(1.0, left + 0.01))
        return None

    def _refusal(self, holder: Holder | None) -> LockedError:
        who = f"process {holder.pid} on {holder.host} since {holder.started}" if holder else "another process"
        return LockedError(
            f"--run_dir must not be in training already; received --run_dir={self.path.parent}, which is being trained "
            f"by {who}. Wait for it or end it, or name another directory."
        )

    def _file_system_time(self) -> float:
        """The time of the clock that stamps the touches, which may be a server's."""
        try:
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".tmp-") as file:
                os.utime(file.name)
                return os.stat(file.name).st_mtime
        except FileNotFoundError:  # swept by the holder
            return time.time()

    def _remove(self, token: str) -> None:
        """Removes a dead holder's lock, unless another process has just replaced it by its own."""
        aside = self.path.with_name(f".tmp-{LOCK}-dead-{uuid.uuid4().hex}")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        moved = TrainingLock(aside.parent)
        moved.path = aside
        if moved._token() != token:
            with contextlib.suppress(OSError):
                os.link(aside, self.path)
        aside.unlink(missing_ok=True)

    def _beat(self, mine: Holder, stop: threading.Event) -> None:
        """Touches the lock for as long as it is held; ends the process if another process has taken it over."""
        while not stop.wait(BEAT):
            try:
                if self._touched() is None and self.path.parent.is_dir():
                    self._create(mine)
                holder = self._holder()
                if holder and holder.token != mine.token and not stop.is_set():
                    self._leave(holder)
                os.utime(self.path)
            except OSError:
                continue  # a file system that fails for a moment must not cost the training

    def _leave(self, holder: Holder) -> None:
        """Ends this process, which was stopped for so long that another process has taken the run over."""
        report_error(
            f"{self.path.parent} has been taken over by process {holder.pid} on {holder.host}, as this process "
            "gave no sign of life for too long. This process ends without saving."
        )
        os._exit(LOST)


def _write(holder: Holder, file: TextIO) -> None:
    """Writes the holder to its new lock file."""
    inode = os.fstat(file.fileno()).st_ino
    file.write(json.dumps(dataclasses.asdict(dataclasses.replace(holder, inode=inode))))
