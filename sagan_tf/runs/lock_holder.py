"""The holder of a lock: a process, identified uniquely, and whether it is still running."""

import dataclasses
import datetime
import os
import platform
import uuid
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lock.

    Attributes:
      host, pid, started: for the message; `started` is the time of day at which the lock was taken.
      machine: boot id and process id namespace, within which process ids are unique; "" where unknown.
      ticks: start time of the process since boot, in the kernel's ticks; 0 where unknown.
      token: distinguishes this lock from every other one.
    """

    host: str
    pid: int
    started: str
    machine: str
    ticks: int
    token: str

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


def machine() -> str:
    """The scope in which process ids are unique: this boot of the kernel, and the container's pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux
        return f"host {platform.node()}" if os.name == "posix" else ""


def start_ticks(pid: int) -> int:
    """When a process of this machine started, in the kernel's ticks since boot; 0 if gone, a zombie or unknown."""
    if os.name != "posix":
        return 0  # Windows' kill with signal 0 would send Ctrl-C
    if not Path("/proc/self/stat").exists():
        return int(_exists(pid))
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return 0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
