"""SIGTERM and SIGINT: work that is saved now and then stops at a good place, and leaves with its own exit code."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

INTERRUPTED = 75  # exit code: what was done is saved, run the same command again


class Interruption:
    """Remembers SIGTERM and SIGINT while its block runs; the second one ends the process at once.

    Signals come to a process's main thread only: in another one nothing is ever received.
    """

    def __enter__(self) -> "Interruption":
        self.received: int | None = None
        main = threading.current_thread() is threading.main_thread()
        self._before = {s: signal.signal(s, self._remember) for s in (signal.SIGTERM, signal.SIGINT) if main}
        return self

    def _remember(self, number, frame) -> None:
        self.received = number
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def leaving_at_once() -> Iterator[None]:
    """Within the block both signals end the process with INTERRUPTED, there being nothing to save.

    Enter it after the strategy is made: MultiWorkerMirroredStrategy replaces handlers by one that ignores SIGTERM.
    """

    def leave(number, frame) -> None:
        sys.exit(INTERRUPTED)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def sigterm_as_keyboard_interrupt() -> Iterator[None]:
    """Within the block SIGTERM raises KeyboardInterrupt, as SIGINT does, so that a verb can end both alike."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
