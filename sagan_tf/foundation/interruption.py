"""Graceful shutdown: on SIGINT (Ctrl-C) or SIGTERM, stop at the next safe point, save, and exit with code 75.

Exit codes of all verbs: 0 for success; 1 for a fault of the program, with its traceback; 2 for refused input, with a
sentence (`refusals.answered`); 75 for an interruption: finished work is kept, and repeating the command resumes it.

Python runs signal handlers in the main thread, and not during a call into C, such as a compilation that takes a minute.
Therefore a thread listens as well (`signal.set_wakeup_fd`): it responds to the first signal at once, and ends the
process at the second one.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from sagan_tf.foundation.missing_streams import open_missing_streams

INTERRUPTED = 75
AGAIN = "Interrupted again: exiting without saving. Repeat the command to resume from the last saved state."
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Seconds within which a repeated signal is the same one, sent to a process group and forwarded by its leader.
_SAME = 0.1


class _Heard:
    """The signals since the outermost block began, over all nested blocks."""

    depth = 0
    count = 0
    last = 0.0
    answers: tuple[Callable[[], None], ...] = ()  # of `at_first_signal`


@contextlib.contextmanager
def _listening(handler: Callable, answer: Callable[[int], None]) -> Iterator[None]:
    """In the block, the main thread handles both signals by `handler`, and a thread calls `answer` at the first one.

    The second one ends the process with INTERRUPTED. Outside of the main thread, the block has no effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if not _Heard.depth:
        _Heard.count, _Heard.last = 0, 0.0
    _Heard.depth += 1
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    former = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=[reader, answer], name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        for number, usual in before.items():
            signal.signal(number, usual)
        writer.close()
        thread.join()
        reader.close()
        _Heard.depth -= 1


def _listen(reader: socket.socket, answer: Callable[[int], None]) -> None:
    while numbers := reader.recv(64):
        for number in numbers:
            now = time.monotonic()
            if number not in _SIGNALS or now - _Heard.last < _SAME:
                continue
            _Heard.count, _Heard.last = _Heard.count + 1, now
            if _Heard.count == 1:
                answer(number)
                for call in _Heard.answers:
                    call()
            else:
                say(AGAIN)
                sys.stdout.flush()
                os._exit(INTERRUPTED)


def say(line: str, *, below_bar: bool = False) -> None:
    """Prints a line to stderr, below a progress bar or the ^C that a terminal shows."""
    print(f"\n{line}" if below_bar or sys.stderr.isatty() else line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def at_first_signal(call: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """In the block, the first signal also calls `call`, at once and in the thread that listens.

    Yields a function that says whether there was a signal already. The signals are heard in the blocks of the other
    functions of this file, around this block or within it.
    """
    former, _Heard.answers = _Heard.answers, (*_Heard.answers, call)
    try:
        yield lambda: bool(_Heard.depth and _Heard.count)
    finally:
        _Heard.answers = former


class Interruption:
    """Records SIGTERM or SIGINT in `received` during its block, so that work can stop where it can be saved.

    announce: the line that is printed at once at the first signal, or a function that returns it; "" for none.
    """

    def __init__(self, announce: str | Callable[[], str] = ""):
        self.received: int | None = None
        self._announce = announce
        self._block = contextlib.ExitStack()

    def __enter__(self) -> "Interruption":
        self._block.enter_context(_listening(self._remember, self._answer))
        return self

    def _remember(self, number: int, frame: object) -> None:
        self.received = self.received or number

    def _answer(self, number: int) -> None:
        if line := self._announce() if callable(self._announce) else self._announce:
            say(line, below_bar=True)

    def __exit__(self, *_) -> None:
        self._block.close()


@contextlib.contextmanager
def leaving_at_once() -> Iterator[None]:
    """In the block, both signals end the process with INTERRUPTED and a line, since there is nothing to save.

    Enter it after the strategy is created: MultiWorkerMirroredStrategy replaces handlers by one that ignores SIGTERM.
    """

    def leave(number, frame) -> None:
        sys.exit(INTERRUPTED)

    with _listening(leave, lambda number: say("Interrupted: nothing is left to save. Repeat the command to resume.")):
        yield


@contextlib.contextmanager
def as_keyboard_interrupt() -> Iterator[None]:
    """In the block, both signals raise KeyboardInterrupt, and a second one ends the process with INTERRUPTED."""
    with _listening(signal.default_int_handler, lambda number: None):
        yield


@contextlib.contextmanager
def sigterm_as_keyboard_interrupt() -> Iterator[None]:
    """In the block, SIGTERM raises KeyboardInterrupt, as SIGINT does, so that both end a verb in the same way."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def left_to_others() -> Iterator[None]:
    """In the block, another library, such as a web server, handles the signals and may raise them again."""
    former = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)


def answer_while_importing() -> None:
    """In `python -m sagan_tf.VERB`, makes Ctrl-C end the imports, which take seconds, with a line and INTERRUPTED.

    Standard streams that are closed are opened first, since what follows needs them.
    Only for the package's __init__. In other programs it does nothing, since they handle their own signals.
    """
    runs_a_verb = sys.argv[:1] == ["-m"] and any(word.startswith("sagan_tf.") for word in sys.orig_argv)
    if runs_a_verb:
        open_missing_streams()
    if not runs_a_verb or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    stderr = os.dup(2)  # the import of TensorFlow redirects the other one

    def leave(number, frame) -> None:
        os.write(stderr, b"Interrupted: nothing was done yet. Repeat the command.\n")
        os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, leave)
