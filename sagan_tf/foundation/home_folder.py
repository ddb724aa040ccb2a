"""Paths in the user's home folder, written with "~"."""

import os
from pathlib import Path


def with_home(path: str | os.PathLike) -> Path:
    """The path with the home folder in place of a leading "~" or "~USER".

    Without such a user the path is left as it is, a folder whose name begins with "~"; `Path.expanduser` raises a
    RuntimeError.
    """
    return Path(os.path.expanduser(path))
