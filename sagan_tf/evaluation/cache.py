"""The cache folder: files keyed by the content they stand for, written whole or not at all."""

import hashlib
import json
import os
import pathlib
import zipfile

import numpy as np


def cache_folder(kind: str) -> pathlib.Path:
    """`$SAGAN_TF_CACHE/KIND`, or `~/.cache/sagan_tf/KIND`; made when it is first written to."""
    root = os.environ.get("SAGAN_TF_CACHE") or pathlib.Path.home() / ".cache" / "sagan_tf"
    return pathlib.Path(root) / kind


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
    """Writes an .npz beside its place, syncs it and renames it: a reader finds the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """The arrays of a cached .npz, or None where there is none or it is damaged (then it is made anew)."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
