"""Results of checking files, cached between starts by path, size and modification time."""

import hashlib
import json
import os
import pathlib

from sagan_tf.foundation import files


def stamp(path: pathlib.Path) -> str:
    """ "SIZE:MTIME" of a file, in bytes and nanoseconds, which changes when the file is written."""
    try:
        status = path.stat()
    except OSError:
        return "unreadable"
    return f"{status.st_size}:{status.st_mtime_ns}"


class CheckCache:
    """The results for the files of one folder, in a JSON file in the user's cache folder.

    The cache only saves work: if it is lost, damaged or can't be written, the files are checked again.

    folder: whose files were checked. purpose: what was checked, with the settings that the results depend on.
    """

    def __init__(self, folder: pathlib.Path, purpose: str):
        key = hashlib.sha256(f"{os.path.realpath(folder)}:{purpose}".encode()).hexdigest()[:16]
        self.path = files.cache_folder("files") / f"{key}.json"

    def read(self) -> dict[str, list]:
        """File name -> [stamp, result, ...]; empty if there is no usable cache."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: row for name, row in content.items() if isinstance(row, list) and row}
        except (OSError, ValueError, AttributeError):
            return {}

    def write(self, rows: dict[str, list]) -> None:
        """Replaces the cached results atomically."""
        with files.dispensable("the cache of checked files"):
            files.write_text(self.path, json.dumps(rows))
