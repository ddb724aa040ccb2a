"""The cache folder: files keyed by the content they stand for, written whole or not at all."""

import hashlib
import json
import pathlib
import zipfile

import numpy as np

from sagan_tf.foundation import files

_remembered: dict[pathlib.Path, dict[str, np.ndarray]] = {}  # what could not be written


def content_key(**content: str | int | float | None) -> str:
    """A name of 24 hexadecimal digits for this content: any other value of any field gives another name."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def array_hash(arrays: dict[str, np.ndarray]) -> str:
    """16 hexadecimal digits over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def write_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes an .npz whole or not at all, durably."""
    with files.replacing(path, durable=True) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def keep_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray], *, what: str) -> None:
    """Writes an .npz to the cache; if the disk refuses, that is noted once, and this process remembers the arrays.

    what: names the kind of content in that note, such as "the cache of classifiers".
    """
    _remembered[path] = arrays
    with files.dispensable(f"{what} (its place is set by SAGAN_TF_CACHE)"):
        write_arrays(path, arrays)
        del _remembered[path]


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """The arrays of a cached .npz, or None where there is none or it is damaged (then it is made anew)."""
    if path in _remembered:
        return _remembered[path]
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
