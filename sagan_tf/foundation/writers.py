"""Names of unfinished files that tell who writes them, so that nobody else removes them in the meantime."""

import hashlib
import os
import re
import time
import uuid
from pathlib import Path

from sagan_tf.foundation.processes import machine, start_ticks

ABANDONED = 24 * 3600.0  # seconds without a change after which another machine's unfinished file was left by a crash
_SIGNED = re.compile(r"-(\d+)\.(\d+)\.([0-9a-f]{8})\.[0-9a-f]{8}$")


def signature() -> str:
    """The end of an unfinished file's name: id and start of this process, its machine, and a random part."""
    pid = os.getpid()
    return f"{pid}.{start_ticks(pid)}.{_machine()}.{uuid.uuid4().hex[:8]}"


def may_be_writing(path: Path) -> bool:
    """Whether the process that signed this file's or folder's name may still be writing it.

    On the same machine, the process table decides. The file of another machine's process is taken for left by a crash
    if it wasn't changed for ABANDONED seconds. A name without signature is nobody's.
    """
    if not (signed := _SIGNED.search(path.name)):
        return False
    pid, ticks, where = int(signed[1]), int(signed[2]), signed[3]
    if machine() and where == _machine():
        return bool(running := start_ticks(pid)) and running == ticks
    return time.time() - _last_change(path) < ABANDONED


def writer_of(path: Path) -> str:
    """The process that signed this file's name, for a message."""
    if not (signed := _SIGNED.search(path.name)):
        return "a process"
    return f"process {signed[1]}{'' if signed[3] == _machine() else ' of another machine'}"


def _machine() -> str:
    return hashlib.sha256(machine().encode()).hexdigest()[:8]


def _last_change(path: Path) -> float:
    """The newest modification time of a file, or of a folder and everything in it; 0 if it is gone."""
    changes = [0.0]
    for each in (path, *path.rglob("*")):
        try:
            changes.append(each.stat().st_mtime)
        except OSError:
            continue
    return max(changes)
