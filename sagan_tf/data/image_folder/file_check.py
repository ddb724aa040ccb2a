"""Every image file is decoded once before training, so that none can end a run hours later."""

import dataclasses
import pathlib

import numpy as np

from sagan_tf.data.check_cache import CheckCache, stamp
from sagan_tf.data.image_folder.decoding import UnreadableImageError, decode
from sagan_tf.data.in_parallel import in_parallel
from sagan_tf.data.source import DataError
from sagan_tf.foundation import files

_NAMED = 20  # bad files that a message names; the rest are counted


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileReport:
    """What the check found, file by file, in the order of `paths`.

    Attributes:
      paths: relative to the folder.
      stamps: "size:mtime" of each, in bytes and nanoseconds.
      sizes: (N, 2) height and width in pixels, 0 where a file is bad.
      digests: 32 hexadecimal digits of each file's SHA-256, "" where a file is bad.
      bad: path -> what is wrong with it.
    """

    paths: tuple[str, ...]
    stamps: tuple[str, ...]
    sizes: np.ndarray
    digests: tuple[str, ...]
    bad: dict[str, str]

    @property
    def short_edges(self) -> np.ndarray:
        return self.sizes.min(axis=1)

    def raise_if_bad(self, root: pathlib.Path):
        """Raises DataError that names the files that cannot be read."""
        if not self.bad:
            return
        lines = [f"  {path}: {reason}" for path, reason in list(self.bad.items())[:_NAMED]]
        if len(self.bad) > _NAMED:
            lines.append(f"  and {len(self.bad) - _NAMED} more")
        raise DataError(
            f"Every image file must be readable; received {len(self.bad)} of {len(self.paths)} that are "
            f"not, in {root}:\n" + "\n".join(lines) + f"\nRemove or replace them and start again.{self._pixels_hint()}"
        )

    def _pixels_hint(self) -> str:
        if not any("max_pixels" in reason for reason in self.bad.values()):
            return ""
        return (
            " Larger images are read where max_pixels is raised: --max_pixels=N of prepare_data, or "
            "--gin_bindings=ImageFolder.max_pixels=N."
        )


def check_files(root: pathlib.Path, paths: tuple[str, ...], *, max_pixels: int) -> FileReport:
    """Decodes every file, in parallel, with a progress bar where it takes long.

    The results are remembered by path, size and modification time, so that the next start only looks at new and changed
    files. A file of the same size with another modification time, such as a copy, is compared by its content: it is
    decoded again only if that changed.
    """
    memory = CheckCache(root, f"decodes, max_pixels={max_pixels}")
    known = {path: row for path, row in memory.recall().items() if len(row) in (4, 5) and not row[3]}
    stamps = tuple(stamp(root / path) for path in paths)
    new = [path for path, now in zip(paths, stamps, strict=True) if not _is_current(known.get(path), now)]
    found = dict(
        zip(
            new,
            in_parallel(lambda path: _check(root / path, known.get(path), max_pixels), new, "file", "checking images"),
            strict=True,
        )
    )
    rows = [
        [now, *(found[path] if path in found else known[path][1:])] for path, now in zip(paths, stamps, strict=True)
    ]
    if new or len(known) != len(paths):
        memory.keep(dict(zip(paths, rows, strict=True)))
    return FileReport(
        paths=paths,
        stamps=stamps,
        sizes=np.array([row[1:3] for row in rows], np.int64),
        digests=tuple(row[4] for row in rows),
        bad={path: row[3] for path, row in zip(paths, rows, strict=True) if row[3]},
    )


def _is_current(row: list | None, now: str) -> bool:
    return row is not None and len(row) == 5 and row[0] == now


def _check(path: pathlib.Path, row: list | None, max_pixels: int) -> tuple[int, int, str, str]:
    """Height, width, what is wrong, and digest; `row`: what is remembered of the file, if anything."""
    try:
        digest = files.sha256(path)[:32]
    except OSError:
        digest = ""  # decoding says why
    if row and digest and (row[4] == digest if len(row) == 5 else row[0] == stamp(path)):
        return row[1], row[2], "", digest
    try:
        height, width, _ = decode(path, max_pixels=max_pixels).shape
    except UnreadableImageError as error:
        return 0, 0, str(error), ""
    return height, width, "", digest
