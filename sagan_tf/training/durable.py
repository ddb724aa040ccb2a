"""Files that are whole or not there, also after a power loss: written beside their place, flushed, renamed."""

import hashlib
import os
import shutil
from pathlib import Path

_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")


def flush(path: Path) -> None:
    """Returns when a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(temporary: Path, target: Path) -> None:
    """Puts a finished and flushed file or folder in its place."""
    os.rename(temporary, target)
    flush(target.parent)


def write_text(path: Path, text: str) -> None:
    """Replaces a file by `text`."""
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.write_text(text, encoding="utf-8")
    flush(temporary)
    move(temporary, path)


def share(source: Path, target: Path) -> None:
    """A folder with the same files: hard links, or copies where the file system has none."""
    shutil.copytree(source, target, copy_function=_link)
    flush(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        flush(Path(target))


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def no_room(error: Exception, folder: Path | str) -> str | None:
    """What to tell the user if an error says that the disk is full or a file too large; else None."""
    reason = next((said for said in _NO_ROOM if said in str(error)), None)
    if reason is None:
        return None
    free = shutil.disk_usage(folder).free >> 20
    return (
        f"{getattr(error, 'filename', None) or folder} could not be written ({reason}); {free} MB are free there. The "
        "checkpoints are untouched: make room and repeat the command."
    )
