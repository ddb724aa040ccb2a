"""Arrays in the cache folder: files are named by the content that they were computed from, and written atomically."""

import hashlib
import json
import pathlib

import numpy as np

from sagan_tf.foundation import files
from sagan_tf.foundation.npz import NpzError, read_npz, write_npz

_unwritten: dict[pathlib.Path, dict[str, np.ndarray]] = {}  # arrays that could not be written, kept for this process


def content_key(**content: str | int | float | None) -> str:
    """A file name, 24 hexadecimal digits, for this content: it changes with the value of any field."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def array_hash(arrays: dict[str, np.ndarray]) -> str:
    """A hash, 16 hexadecimal digits, of the arrays' names, types, shapes and bytes; independent of their order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def keep_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray], *, what: str) -> None:
    """Writes an .npz to the cache. If that fails, a warning is logged, and the arrays are kept in memory.

    what: the kind of content for that warning, such as "the cache of classifiers".
    """
    _unwritten[path] = arrays
    with files.dispensable(f"{what} (its location is set by SAGAN_TF_CACHE)"):
        write_npz(path, arrays, durable=True)
        del _unwritten[path]


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """The arrays of a cached .npz; None if there is none or it is damaged, so that the caller computes it again."""
    if path in _unwritten:
        return _unwritten[path]
    try:
        return read_npz(path)
    except (OSError, NpzError):
        return None
