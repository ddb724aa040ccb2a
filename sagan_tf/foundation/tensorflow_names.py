"""Names of files that TensorFlow can't write or read, though Python and its libraries can.

It writes only files whose names are UTF-8. Where it reads checkpoints and SavedModels, it takes their paths for
patterns, so that it doesn't find those in a folder such as "run [2]", which it has written itself.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sagan_tf.foundation.files import OutputError


def check_tensorflow_name(flag: str, path: Path | str, *, read_there: bool = False) -> None:
    """Refuses an output whose name TensorFlow can't write, before any work.

    flag: the flag that names the output, such as "--out".
    read_there: whether other programs will read the output with TensorFlow where it is.

    Raises:
      OutputError: if the name has bytes that are not UTF-8, or with `read_there` if it is a pattern.
    """
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeError:
        raise OutputError(
            f"{flag} must have a name in UTF-8, since TensorFlow takes no other; received {flag}={path}. Choose "
            "another name."
        ) from None
    if read_there and _is_pattern(os.path.abspath(path)):
        raise OutputError(
            f"{flag} must have no bracket or backslash in its path, from which TensorFlow could not read it; received "
            f"{flag}={os.path.abspath(path)}. Choose another location."
        )


@contextlib.contextmanager
def readable_by_tensorflow(folder: Path | str) -> Iterator[str]:
    """Yields a path by which TensorFlow can read a checkpoint or a SavedModel in the folder: its own, or a link's."""
    if not (_is_pattern(str(folder)) and os.path.isdir(folder)):
        yield str(folder)
        return
    with tempfile.TemporaryDirectory() as place:
        link = os.path.join(place, "folder")
        os.symlink(os.path.abspath(folder), link, target_is_directory=True)
        yield link


def _is_pattern(path: str) -> bool:
    """Whether a path as a pattern (fnmatch) does not match itself, as "*" and "?" do."""
    return "[" in path or (os.sep == "/" and "\\" in path)
