"""A folder that one process at a time writes to, claimed by a marker file in it that a crash leaves without effect."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sagan_tf.foundation import files
from sagan_tf.foundation.writers import may_be_writing, signature, writer_of

_MARKER = f"{files.TEMPORARY}claim"


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Claims a folder during the block, and removes what a crash left in it. Yields the marker.

    Touch the marker now and then in a block of many hours, since a process of another machine can't see otherwise that
    this one is alive.

    Raises:
      OutputError: if another process has claimed the folder.
    """
    marker = folder / f"{_MARKER}-{signature()}"
    marker.touch()
    try:
        others = [path for path in folder.glob(f"{_MARKER}-*") if path != marker and may_be_writing(path)]
        if others:
            raise files.OutputError(
                f"{folder} must be written by one process at a time; received it while {writer_of(others[0])} is "
                "writing there. Wait for it or end it, or choose another folder."
            )
        files.sweep(folder)
        yield marker
    finally:
        with contextlib.suppress(OSError):
            marker.unlink(missing_ok=True)
