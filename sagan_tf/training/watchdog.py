"""Ends a process that hangs: a stuck reader, a dead file system, a device that doesn't answer."""

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator

from sagan_tf.foundation.interruption import INTERRUPTED


class Watchdog:
    """What is `watched` must end within so many seconds (0: may take for ever).

    If it doesn't, the stacks of all threads are printed and the process leaves with 75: the same command goes on from
    the last checkpoint.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    @contextlib.contextmanager
    def watched(self, what: str) -> Iterator[None]:
        if not self.seconds:
            yield
            return
        timer = threading.Timer(self.seconds, self._bite, [what])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _bite(self, what: str) -> None:
        print(
            f"error: {what} must end within {self.seconds:g} s (Safeguards.hang_minutes) and did not; the stacks of "
            "all threads follow. Repeat the command to go on from the last checkpoint.",
            file=sys.stderr,
            flush=True,
        )
        faulthandler.dump_traceback(sys.__stderr__, all_threads=True)
        os._exit(INTERRUPTED)
