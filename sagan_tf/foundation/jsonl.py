"""JSON lines: files of one JSON object per line, to which records are appended.

A last line that a crash or a full disk cut short is ignored by readers and removed by the next `append`. Any other line
that isn't a JSON object is damage, and is refused with its number.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from sagan_tf.foundation import files

_TAIL = 1 << 16  # bytes read at a time to find the start of a torn line


class JsonLinesError(ValueError):
    """A file of JSON lines is damaged."""


def append(path: Path | str, record: Mapping, *, durable: bool = False) -> None:
    """Appends one record; missing parent folders are created.

    durable: return only after the line is on the disk (fsync).

    Raises:
      OSError: naming `path`, if it can't be written; the file is left as it was.
    """
    path = Path(path)
    line = (json.dumps(record) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            _remove_torn_line(path)
            regular = path.is_file()  # else a device or a pipe
            end = file.seek(0, os.SEEK_END) if regular else 0
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[file.write(rest) :]
                if durable and regular:
                    os.fsync(file.fileno())
            except OSError:
                if regular:
                    with contextlib.suppress(OSError):
                        file.truncate(end)
                raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # a failed write doesn't know its file


def read(path: Path | str) -> list[dict]:
    """The records of a file, in order; an empty list if there is no file.

    Raises:
      JsonLinesError: naming the line, if one is damaged.
    """
    path = Path(path)
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        record = _parsed(line)
        if record is not None:
            records.append(record)
        elif line.strip() and number < len(lines):
            raise JsonLinesError(
                f"{path} must hold one JSON object per line; received line {number}: "
                f"{line[:80].decode(errors='replace')!r}. Correct or remove that line."
            )
    return records


def cut_after(path: Path | str, step: int) -> None:
    """Keeps the records up to `step` of a file whose records have a "step"; unreadable lines are dropped."""
    path = Path(path)
    if path.exists():
        found = map(_parsed, path.read_bytes().split(b"\n"))
        kept = [record for record in found if record is not None and record.get("step", step + 1) <= step]
        files.write_text(path, "".join(json.dumps(record) + "\n" for record in kept))


def _parsed(line: bytes) -> dict | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _remove_torn_line(path: Path) -> None:
    """Removes a truncated last line; a complete one that only lacks its newline gets it."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        size = start = file.seek(0, os.SEEK_END)
        tail = b""
        while start and b"\n" not in tail:
            start = max(0, start - _TAIL)
            file.seek(start)
            tail = file.read(size - start)
        last = tail.rpartition(b"\n")[2]
        if last and _parsed(last) is None:
            file.truncate(size - len(last))
        elif last:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
