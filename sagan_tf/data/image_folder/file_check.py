"""Decodes every image file once before training, so that a bad file is found at the start and not hours later.

A file's content is hashed when it is decoded, and again only when its size or modification time has changed. Hashing
takes a few percent of the time that decoding takes.
"""

import collections
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable

import numpy as np

from sagan_tf.data.image_folder.decoding import UnreadableImageError, decode
from sagan_tf.data.source import DataError
from sagan_tf.foundation import files
from sagan_tf.foundation.check_cache import CheckCache, stamp
from sagan_tf.foundation.pixels import is_gray
from sagan_tf.foundation.progress import in_parallel

_MAX_NAMED = 20  # bad files that an error message names; the others are counted
_COLUMNS = 6  # of a cached row: the stamp, and what `_check` returns


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileReport:
    """The result of the check for each of the N files.

    Attributes:
      paths: of the files, relative to the folder.
      stamps: "size:mtime" of each file, in bytes and nanoseconds.
      sizes: (N, 2) height and width in pixels, 0 for a bad file.
      digests: the first 32 hexadecimal digits of each file's SHA-256, "" for a bad file.
      grays: for each file, whether all its pixels are gray.
      bad: path of each bad file -> what is wrong with it.
    """

    paths: tuple[str, ...]
    stamps: tuple[str, ...]
    sizes: np.ndarray
    digests: tuple[str, ...]
    grays: tuple[bool, ...]
    bad: dict[str, str]

    @property
    def short_edges(self) -> np.ndarray:
        return self.sizes.min(axis=1)

    def raise_if_bad(self, root: pathlib.Path):
        """Refuses a folder with bad files.

        Raises:
          DataError: naming the bad files, if there are any.
        """
        if not self.bad:
            return
        lines = [f"  {path}: {reason}" for path, reason in list(self.bad.items())[:_MAX_NAMED]]
        if len(self.bad) > _MAX_NAMED:
            lines.append(f"  and {len(self.bad) - _MAX_NAMED} more")
        raise DataError(
            f"Every image file must be readable; received {len(self.bad)} of {len(self.paths)} that are "
            f"not, in {root}:\n" + "\n".join(lines) + f"\nRemove or replace them and start again.{self._pixels_hint()}"
        )

    def content_key(self) -> str:
        """Identity by content: 24 hexadecimal digits over the relative path and content of every file, sorted by path.

        It doesn't depend on where the folder lies or on modification times.
        """
        return _digest(f"{path}:{digest}" for path, digest in sorted(zip(self.paths, self.digests, strict=True)))[:24]

    def stamp_key(self) -> str:
        """The identity that early runs recorded: 16 hexadecimal digits over paths, sizes and modification times."""
        return _digest(f"{path}:{stamped}" for path, stamped in zip(self.paths, self.stamps, strict=True))[:16]

    def class_digests(self, labels: Iterable[int], n_classes: int) -> tuple[str, ...]:
        """One string per class: "COUNT NAMES CONTENTS".

        They are the number of files, a digest of file names and sizes, and a digest of contents. The class's own name
        is not included, so that a renamed class is recognized.
        """
        names, contents = collections.defaultdict(list), collections.defaultdict(list)
        for path, stamped, digest, label in zip(self.paths, self.stamps, self.digests, labels, strict=True):
            names[label].append(f"{path.rpartition('/')[2]}:{stamped.partition(':')[0]}")
            contents[label].append(digest)
        return tuple(
            f"{len(names[label])} {_digest(sorted(names[label]))[:12]} {_digest(sorted(contents[label]))[:12]}"
            for label in range(n_classes)
        )

    def _pixels_hint(self) -> str:
        if not any("max_pixels" in reason for reason in self.bad.values()):
            return ""
        return (
            " To read larger images, raise max_pixels: --max_pixels=N of prepare_data, or "
            "--gin_bindings=ImageFolder.max_pixels=N."
        )


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for number, line in enumerate(lines):
        digest.update((b"\n" if number else b"") + os.fsencode(line))
    return digest.hexdigest()


def check_files(root: pathlib.Path, paths: tuple[str, ...], *, max_pixels: int) -> FileReport:
    """Decodes every file in parallel, with a progress bar if it takes long.

    Results are cached by path, size and modification time, so that the next start reads new and changed files only. A
    file with another modification time, such as a copy, is compared by its content and decoded again only if that has
    changed.
    """
    cache = CheckCache(root, f"decodes, max_pixels={max_pixels}")
    known = {path: row for path, row in cache.read().items() if len(row) == _COLUMNS and not row[3]}
    stamps = tuple(stamp(root / path) for path in paths)
    new = [path for path, now in zip(paths, stamps, strict=True) if not _is_current(known.get(path), now)]
    found = {path: known[path][1:] for path in set(paths) - set(new)}

    def check(path: str) -> None:
        found[path] = _check(root / path, known.get(path), max_pixels)

    try:
        in_parallel(check, new, "file", "checking images")
    finally:  # an interrupted check of many files goes on where it stopped
        if new or len(known) != len(paths):
            cache.write({path: [now, *found[path]] for path, now in zip(paths, stamps, strict=True) if path in found})
    rows = [[now, *found[path]] for path, now in zip(paths, stamps, strict=True)]
    return FileReport(
        paths=paths,
        stamps=stamps,
        sizes=np.array([row[1:3] for row in rows], np.int64),
        digests=tuple(row[4] for row in rows),
        grays=tuple(bool(row[5]) for row in rows),
        bad={path: row[3] for path, row in zip(paths, rows, strict=True) if row[3]},
    )


def _is_current(row: list | None, now: str) -> bool:
    return row is not None and row[0] == now


def _check(path: pathlib.Path, row: list | None, max_pixels: int) -> tuple[int, int, str, str, bool]:
    """Height, width, what is wrong ("" if nothing is), digest, and whether the file's image is gray.

    row: the cached result, if any.
    """
    try:
        digest = files.sha256(path)[:32]
    except OSError:
        digest = ""  # decoding says why
    if row and digest and row[4] == digest:
        return row[1], row[2], "", digest, row[5]
    try:
        image = decode(path, max_pixels=max_pixels)
    except UnreadableImageError as error:
        return 0, 0, str(error), "", False
    return *image.shape[:2], "", digest, is_gray(image)
