"""Processes of this machine: which are running, and within which scope their ids are unique."""

import os
import platform
from pathlib import Path


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
