"""The gin files that `--gin_file` and `include` name: where they are searched, and how they are read."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from sagan_tf.foundation.spelling import nearest_files

_PACKAGE = Path(__file__).parents[1]
# Where `gin/...` is searched after the working directory: a checkout, the files shipped in the installed package.
SEARCH_PATHS = (_PACKAGE.parent, _PACKAGE / "shipped")


def missing(file: str) -> str | None:
    """What is wrong if there is no such file, with the nearest ones; None if there is one."""
    places = (Path(), *SEARCH_PATHS)
    if any((path / file).is_file() for path in places):
        return None
    known = sorted({str(p.relative_to(path)) for path in places for p in (path / "gin").glob("**/*.gin")})
    first, *others = nearest_files(file, known)
    return (
        f"--gin_file must name a file that exists, in the working directory or among the {len(known)} that come with "
        f"sagan_tf; received --gin_file={file}. Did you mean {first}? The next nearest are {' and '.join(others)}."
    )


class Reader:
    """Opens gin files for gin's parser: text in UTF-8 in every locale, with or without a byte order mark.

    read: called after each file that was read to its end; an included one is read before the rest of its includer.

    Attributes:
      failed: the file in which reading failed, which may be an included one; None until then.
    """

    def __init__(self, read: Callable[[], None]):
        self._read = read
        self._open: list[str] = []
        self.failed: str | None = None

    @contextlib.contextmanager
    def __call__(self, path: str) -> Iterator[TextIO]:
        """The open file.

        Raises:
          ValueError: for a file that includes itself, directly or through others.
        """
        real = os.path.realpath(path)
        if real in self._open:
            raise ValueError(f"a gin file must not include itself; received {path} once more. Remove the include.")
        self._open.append(real)
        try:
            with open(path, encoding="utf-8-sig") as file:
                yield file
            self._read()
        except Exception:
            self.failed = self.failed or path  # an included file's error comes to its includer next
            raise
        finally:
            self._open.pop()
