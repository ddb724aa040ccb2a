"""Identity of a folder's images: by content, whatever the files' times and the folder's place are.

A file's content is hashed when it is decoded for the check, and again only when its size or modification time changed
(see file_check). Hashing takes a few percent of the time that decoding takes.
"""

import collections
import hashlib
import os
from collections.abc import Iterable

from sagan_tf.data.image_folder.file_check import FileReport


def content_key(report: FileReport) -> str:
    """24 hexadecimal digits over the relative path and the content of every file, in the order of the paths."""
    return _digest(f"{path}:{digest}" for path, digest in sorted(zip(report.paths, report.digests, strict=True)))[:24]


def stamp_key(report: FileReport) -> str:
    """16 hexadecimal digits over paths, sizes and modification times: what runs recorded before content was hashed."""
    return _digest(f"{path}:{stamp}" for path, stamp in zip(report.paths, report.stamps, strict=True))[:16]


def class_digests(report: FileReport, labels: Iterable[int], n_classes: int) -> tuple[str, ...]:
    """For each class "COUNT NAMES CONTENTS": how many files, a digest of names and sizes, and one of their contents.

    The class's own name is not part of them, so that a renamed class is recognized.
    """
    names, contents = collections.defaultdict(list), collections.defaultdict(list)
    for path, stamp, digest, label in zip(report.paths, report.stamps, report.digests, labels, strict=True):
        names[label].append(f"{path.rpartition('/')[2]}:{stamp.partition(':')[0]}")
        contents[label].append(digest)
    return tuple(
        f"{len(names[label])} {_digest(sorted(names[label]))[:12]} {_digest(sorted(contents[label]))[:12]}"
        for label in range(n_classes)
    )


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for number, line in enumerate(lines):
        digest.update((b"\n" if number else b"") + os.fsencode(line))
    return digest.hexdigest()
