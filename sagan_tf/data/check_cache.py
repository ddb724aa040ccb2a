"""What was found about files, remembered between starts by path, size and time of change."""

import hashlib
import json
import os
import pathlib

from sagan_tf.foundation import files


def stamp(path: pathlib.Path) -> str:
    """Changes when the file is written: "size:mtime" in bytes and nanoseconds."""
    try:
        status = path.stat()
    except OSError:
        return "unreadable"
    return f"{status.st_size}:{status.st_mtime_ns}"


class CheckCache:
    """Facts by file name, for the files of one folder, in a file of the user's cache folder.

    The memory only ever saves work: where it is lost, damaged or cannot be written, the files are looked at again.
    """

    def __init__(self, folder: pathlib.Path, purpose: str):
        key = hashlib.sha256(f"{os.path.realpath(folder)}:{purpose}".encode()).hexdigest()[:16]
        self.path = files.cache_folder("files") / f"{key}.json"

    def recall(self) -> dict[str, list]:
        """Name -> [stamp, fact, ...]; empty where nothing usable is remembered."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: row for name, row in content.items() if isinstance(row, list) and row}
        except (OSError, ValueError, AttributeError):
            return {}

    def keep(self, rows: dict[str, list]):
        """Replaces what is remembered, whole or not at all."""
        with files.dispensable("the cache of checked files"):
            files.write_text(self.path, json.dumps(rows))
