"""Every image file is decoded once before training, so that none can end a run hours later."""

import concurrent.futures
import dataclasses
import os
import pathlib

import numpy as np
from tqdm import tqdm

from sagan_tf.data.decoding import UnreadableImageError, decode
from sagan_tf.data.remembered import Memory, stamp
from sagan_tf.data.source import DataError

_NAMED = 20  # bad files that a message names; the rest are counted


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileReport:
    """What the check found, file by file, in the order of `paths`.

    Attributes:
      paths: relative to the folder.
      stamps: "size:mtime" of each, in bytes and nanoseconds.
      sizes: (N, 2) height and width in pixels, 0 where a file is bad.
      bad: path -> what is wrong with it.
    """

    paths: tuple[str, ...]
    stamps: tuple[str, ...]
    sizes: np.ndarray
    bad: dict[str, str]

    @property
    def short_edges(self) -> np.ndarray:
        return self.sizes.min(axis=1)

    def content_key(self) -> str:
        """Changes when a file is added, removed, renamed or written."""
        return "\n".join(f"{path}:{stamp}" for path, stamp in zip(self.paths, self.stamps, strict=True))

    def raise_if_bad(self, root: pathlib.Path):
        """Raises DataError that names the files that cannot be read."""
        if not self.bad:
            return
        lines = [f"  {path}: {reason}" for path, reason in list(self.bad.items())[:_NAMED]]
        if len(self.bad) > _NAMED:
            lines.append(f"  and {len(self.bad) - _NAMED} more")
        raise DataError(
            f"Every image file must be readable; received {len(self.bad)} of {len(self.paths)} that are "
            f"not, in {root}:\n" + "\n".join(lines) + "\nRemove or replace them and start again."
        )


def check_files(root: pathlib.Path, paths: tuple[str, ...], *, max_pixels: int) -> FileReport:
    """Decodes every file, in parallel, with a progress bar where it takes long.

    What was found is remembered by path, size and time of change, so that only new and changed files are decoded at
    the next start.
    """
    memory = Memory(root, f"decodes, max_pixels={max_pixels}")
    known = {path: row for path, row in memory.recall().items() if len(row) == 4 and not row[3]}
    stamps = tuple(stamp(root / path) for path in paths)
    new = [path for path, now in zip(paths, stamps, strict=True) if known.get(path, [None])[0] != now]
    found = _check_all(root, new, max_pixels)
    rows = [
        [now, *(found[path] if path in found else known[path][1:])] for path, now in zip(paths, stamps, strict=True)
    ]
    if new or len(known) != len(paths):
        memory.keep(dict(zip(paths, rows, strict=True)))
    bad = {path: row[3] for path, row in zip(paths, rows, strict=True) if row[3]}
    return FileReport(paths=paths, stamps=stamps, sizes=np.array([row[1:3] for row in rows], np.int64), bad=bad)


def _check_all(root: pathlib.Path, paths: list[str], max_pixels: int) -> dict[str, tuple[int, int, str]]:
    def check(path: str) -> tuple[int, int, str]:
        try:
            height, width, _ = decode(root / path, max_pixels=max_pixels).shape
        except UnreadableImageError as error:
            return 0, 0, str(error)
        return height, width, ""

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = tqdm(pool.map(check, paths), total=len(paths), unit="file", desc="checking images", delay=2)
        return dict(zip(paths, results, strict=True))
