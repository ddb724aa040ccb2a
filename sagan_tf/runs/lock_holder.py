"""The holder of a lock: a process, identified uniquely, and whether it is still running."""

import dataclasses
import datetime
import os
import platform
import uuid

from sagan_tf.foundation.processes import machine, start_ticks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lock.

    Attributes:
      host, pid, started: for the message; `started` is the time of day at which the lock was taken.
      machine: boot id and process id namespace, within which process ids are unique; "" where unknown.
      ticks: start time of the process since boot, in the kernel's ticks; 0 where unknown.
      token: distinguishes this lock from every other one.
      inode: of the lock file, which a copy of the run directory doesn't share; 0 where unknown.
    """

    host: str
    pid: int
    started: str
    machine: str
    ticks: int
    token: str
    inode: int = 0

    @classmethod
    def this_process(cls) -> "Holder":
        return cls(
            host=platform.node(),
            pid=os.getpid(),
            started=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            machine=machine(),
            ticks=start_ticks(os.getpid()),
            token=uuid.uuid4().hex,
        )

    def is_here(self) -> bool:
        """Whether this machine's process table shows if the holder is alive."""
        return bool(self.machine) and self.machine == machine()

    def is_alive(self) -> bool:
        """Whether a holder that `is_here` is still running."""
        return bool(ticks := start_ticks(self.pid)) and ticks == self.ticks
