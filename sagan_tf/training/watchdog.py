"""A watchdog that ends a process that hangs, for example on a stuck reader, a dead file system or a device."""

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator

from sagan_tf.foundation.interruption import INTERRUPTED
from sagan_tf.foundation.refusals import report_error


class Watchdog:
    """A time limit for blocks of code.

    seconds: how long a `watched` block may take; 0 sets no limit.

    If a block takes longer, the watchdog prints the stacks of all threads and ends the process with exit code 75; the
    same command then resumes from the last checkpoint.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    @contextlib.contextmanager
    def watched(self, what: str) -> Iterator[None]:
        """Applies the limit to the block. what: the block's name for the message."""
        if not self.seconds:
            yield
            return
        timer = threading.Timer(self.seconds, self._end_process, [what])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end_process(self, what: str) -> None:
        report_error(
            f"{what} must end within {self.seconds:g} s (Safeguards.hang_minutes) and did not; the stacks of "
            "all threads follow. Repeat the command to resume from the last checkpoint."
        )
        faulthandler.dump_traceback(sys.__stderr__, all_threads=True)
        os._exit(INTERRUPTED)
