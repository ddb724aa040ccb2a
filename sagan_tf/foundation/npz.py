"""Named arrays in .npz files: written atomically, read without pickles, with one error class for damaged files."""

import zipfile
from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np

from sagan_tf.foundation import files


class NpzError(ValueError):
    """The file is not a complete .npz of plain arrays. The message says what is wrong in one line, without the path."""


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], *, durable: bool = False) -> None:
    """Writes the arrays under their names, uncompressed; readers see the former file or the whole new one.

    durable: return only after the content is on the disk.

    Raises:
      OSError: if the file can't be written; the former one stays.
    """
    with files.replacing(path, durable=durable) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_npz(path: Path, *, only: Container[str] | None = None, or_npy: bool = False) -> dict[str, np.ndarray]:
    """The arrays of the file by name.

    only: names to read; others, and names that the file lacks, are left out.
    or_npy: whether the file may be an .npy, whose array is then `arr_0`, as numpy.savez names one without a name.

    Raises:
      FileNotFoundError: if there is no such file.
      NpzError: for a truncated file or one of another kind, one array (.npy) instead of several, and arrays that need
        pickle.
    """
    with path.open("rb") as file:
        try:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                if or_npy:
                    return {"arr_0": loaded}
                raise ValueError("a single array (.npy)")
            return {name: loaded[name] for name in loaded.files if only is None or name in only}
        except Exception as error:  # numpy, zipfile and zlib raise whatever damaged bytes bring about
            raise NpzError(" ".join(str(error).split()) or type(error).__name__) from error


def names_in_npz(path: Path) -> frozenset[str]:
    """The names of the file's arrays, of which none is read; empty if it is no .npz."""
    if not path.is_file() or not zipfile.is_zipfile(path):  # a pipe would block, and an .npy be read whole
        return frozenset()
    try:
        with path.open("rb") as file:
            return frozenset(np.load(file, allow_pickle=False).files)
    except Exception:  # as in read_npz
        return frozenset()
