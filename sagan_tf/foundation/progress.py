"""Progress and remaining time of long work: a bar on a terminal, whole lines in a log file.

Nothing else imports tqdm. Work of less than two seconds shows nothing.
"""

import concurrent.futures
import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

from sagan_tf.foundation import notes

Item, Result = TypeVar("Item"), TypeVar("Result")
DELAY = 2.0  # seconds before anything is shown
_LINE = "{desc}: {percentage:.0f}%, {n_fmt} of {total_fmt}, {elapsed} elapsed, {remaining} left, {rate_fmt}{postfix}"
_LINE_WITHOUT_TOTAL = "{desc}: {n_fmt}, {elapsed} elapsed, {rate_fmt}{postfix}"

_FIRST_LINES, _LONGEST = 10.0, 600.0  # seconds between lines: at first and at most
_WIDEST = 1000  # characters of a line in a log file


class Progress(tqdm):
    """A bar of `total` units, to be advanced by `update(n)`, or by passing through `iterable`. Use it as a context.

    In a log file, a line is printed after ten seconds and then at intervals that grow with the elapsed time up to ten
    minutes; if any line was printed, there is a last one at the end.

    title: what is being done. unit: what is counted, in the singular. initial: units that are done already.
    delay: seconds before the bar is shown; 0 at once. quiet: show nothing at all.
    leave: whether the bar stays when the work is done. bar_format: tqdm's, in place of the usual one.
    """

    def __init__(
        self,
        iterable: Iterable | None = None,
        *,
        title: str,
        unit: str,
        total: int | None = None,
        initial: int = 0,
        delay: float = DELAY,
        quiet: bool = False,
        leave: bool = True,
        bar_format: str | None = None,
    ):
        self._whole_lines = not sys.stderr.isatty()
        self._ticked = threading.Event()
        self._last_line, self._has_last = 0.0, delay == 0 and leave
        if self._whole_lines and bar_format is None:
            bar_format = _LINE_WITHOUT_TOTAL if total is None and not hasattr(iterable, "__len__") else _LINE
        super().__init__(
            iterable,
            desc=title,
            total=total,
            unit=unit,
            unit_scale=False,
            initial=initial,
            delay=_FIRST_LINES if self._whole_lines else delay,
            mininterval=1.0 if self._whole_lines else 0.2,
            smoothing=0.1,
            ncols=_WIDEST if self._whole_lines else None,
            dynamic_ncols=not self._whole_lines,
            leave=leave,
            bar_format=bar_format,
            disable=quiet,
            file=sys.stderr,
        )

    @staticmethod
    def status_printer(file):
        """tqdm's printer, or one that writes whole lines."""
        if file.isatty():
            return tqdm.status_printer(file)

        def write_line(text: str) -> None:
            if text.strip():
                file.write(" ".join(text.split()) + "\n")
                file.flush()

        return write_line

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Shows the current state; in a log file only when a line is due."""
        if not self._whole_lines:
            return super().display(msg, pos)
        elapsed = self._time() - self.start_t
        if elapsed - self._last_line >= min(_LONGEST, max(_FIRST_LINES, elapsed / 60)):
            self._last_line, self._has_last = elapsed, self.leave
            self.sp(str(self))
        return None

    def close(self) -> None:
        """Ends the bar; in a log file with a last line if there was one before."""
        if not self.disable and self._whole_lines:
            if self._has_last:
                self.sp(str(self))
            self.sp, self.fp = (lambda text: None), io.StringIO()
        super().close()

    @classmethod
    @contextlib.contextmanager
    def hidden(cls) -> Iterator[None]:
        """In the block, the bars on a terminal are gone, so that a line can be written in their place."""
        with cls.get_lock():
            shown = [bar for bar in list(cls._instances) if isinstance(bar, Progress) and bar._stands()]
            for bar in shown:
                bar.clear(nolock=True)
            yield
            for bar in shown:
                bar.refresh(nolock=True)

    def _stands(self) -> bool:
        """Whether the bar is on a terminal's screen now."""
        if self.disable or not hasattr(self, "last_print_t") or self._whole_lines:
            return False
        return self.last_print_t >= self.start_t + self.delay

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """In the block, shows `what` and a running clock instead of the bar; the time is not counted in the rate."""
        if self.disable:
            yield
            return
        shown, self.bar_format, self.delay = self.bar_format, f"{self.desc}: {what}, {{elapsed}}", 0
        with self.ticking():
            yield
        self.bar_format = shown
        self.start_t = self.last_print_t = self._time()
        self._last_line = 0.0

    @contextlib.contextmanager
    def ticking(self) -> Iterator[None]:
        """In the block, the bar is redrawn every second."""
        over = threading.Event()

        def tick() -> None:
            while not over.wait(1.0):
                if self._time() - self.start_t >= self.delay:
                    self.refresh()
                    self._ticked.set()
                    self.last_print_t = (
                        self._time()
                    )  # else tqdm assumes that nothing was shown and doesn't end the line

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


notes.write_beside_bars(Progress.hidden)


@contextlib.contextmanager
def clock(what: str, *, quiet: bool = False) -> Iterator[None]:
    """In the block, shows `what` and the elapsed time, for work without countable units."""
    bar = Progress(title=what, unit="", bar_format="{desc}: {elapsed}", quiet=quiet, leave=False)
    with bar, contextlib.nullcontext() if quiet else bar.ticking():
        yield


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], unit: str, title: str) -> list[Result]:
    """Applies a function to all items in a pool of threads, with a progress bar if it takes over two seconds.

    The results are in the order of the items. An exception, KeyboardInterrupt included, cancels the calls that have not
    begun.
    """
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        return list(Progress(pool.map(function, items), total=len(items), unit=unit, title=title))
    finally:
        pool.shutdown(cancel_futures=True)
