"""Standard output and error that end no work: they tolerate a full disk, and characters that their encoding lacks."""

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from sagan_tf.foundation import files


def take_any_character() -> None:
    """Makes standard output show characters that its encoding lacks as escapes, as standard error does.

    Bytes of file names that are not text in the encoding are printed as they are.
    """
    codecs.register_error("sagan_tf", _as_bytes_or_escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="sagan_tf")


def _as_bytes_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(error)


class Forgiving:
    """A text stream that drops text if the disk is full. Other errors, such as a closed pipe, are raised."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with _dropped():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _dropped():
            self._stream.flush()

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """Makes sys.stdout and sys.stderr forgiving within the block."""
    streams = sys.stdout, sys.stderr
    with contextlib.redirect_stdout(Forgiving(streams[0])), contextlib.redirect_stderr(Forgiving(streams[1])):
        yield
    for stream in streams:
        try:
            stream.flush()
        except OSError as error:
            if files.reason(error) is None:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else flushing it when Python exits fails


@contextlib.contextmanager
def _dropped() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if files.reason(error) is None:
            raise
