"""Signals: the first is answered at once, the second leaves, and what was before is there again."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sagan_tf.foundation import interruption
from sagan_tf.foundation.interruption import (
    AGAIN,
    Interruption,
    as_keyboard_interrupt,
    at_first_signal,
    leaving_at_once,
)
from sagan_tf.foundation.refusals import answered

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture
def left(monkeypatch):
    """The exit codes that the process would have left with; every signal counts, however soon."""
    codes = []
    monkeypatch.setattr(interruption, "_SAME", 0.0)
    monkeypatch.setattr(interruption.os, "_exit", codes.append)
    return codes


@pytest.fixture(autouse=True)
def nothing_stays():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1 and "signals" not in [thread.name for thread in threading.enumerate()]


def send(number):
    os.kill(os.getpid(), number)


@BOTH
def test_the_first_signal_is_remembered_and_answered_once(number, capsys, left):
    with Interruption("Interrupted: saving.") as interrupted:
        assert interrupted.received is None
        send(number)
        assert interrupted.received == number
    assert capsys.readouterr().err == "\nInterrupted: saving.\n" and not left


def test_the_answer_comes_while_the_main_thread_is_in_a_call():
    answered_at = []
    with Interruption(lambda: answered_at.append(time.monotonic()) or "") as interrupted:
        threading.Timer(0.02, send, [signal.SIGINT]).start()
        while not answered_at:  # one call is a quarter of a second of C without a look at signals
            hashlib.pbkdf2_hmac("sha256", b"", b"", 300_000)
            ended = time.monotonic()
    assert answered_at[0] < ended and interrupted.received == signal.SIGINT


def test_more_can_be_asked_for_at_the_first_signal_by_a_block_between(left):
    calls, called = [], threading.Event()
    with Interruption(), at_first_signal(lambda: (calls.append(1), called.set())) as signalled, Interruption():
        assert not signalled()
        send(signal.SIGTERM)
        assert called.wait(10) and signalled()
        send(signal.SIGTERM)
    assert left == [75] and calls == [1] and not signalled()
    with Interruption() as interrupted:
        send(signal.SIGTERM)
    assert interrupted.received and calls == [1]


@BOTH
def test_the_second_signal_says_so_and_leaves_with_75(number, capsys, left):
    with Interruption("Interrupted: saving."):
        send(number)
        send(signal.SIGINT)
    assert left == [75] and capsys.readouterr().err == f"\nInterrupted: saving.\n{AGAIN}\n"


def test_signals_of_nested_blocks_count_together(left):
    with Interruption():
        with Interruption() as inner:
            send(signal.SIGINT)
            assert inner.received
        assert not left
        send(signal.SIGINT)
    assert left == [75]
    with Interruption():
        send(signal.SIGINT)  # another block, another first signal
    assert left == [75]


def test_a_signal_that_is_forwarded_besides_is_one_signal(monkeypatch):
    codes = []
    monkeypatch.setattr(interruption.os, "_exit", codes.append)
    with Interruption():
        send(signal.SIGINT)
        send(signal.SIGTERM)
    assert not codes


def test_in_another_thread_nothing_is_received_and_nothing_fails():
    received = []

    def work():
        with Interruption() as interrupted, as_keyboard_interrupt():
            received.append(interrupted.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert received == [None]


@BOTH
def test_where_nothing_is_to_be_saved_a_signal_leaves_with_75_and_a_line(number, capsys):
    with pytest.raises(SystemExit) as end, leaving_at_once():
        send(number)
    assert end.value.code == 75
    assert capsys.readouterr().err == "Interrupted: nothing is left to save. Repeat the command to resume.\n"


@BOTH
def test_a_verb_ends_in_its_line_and_75(number, capsys):
    assert answered(lambda: send(number), interrupted="interrupted: nothing was drawn. Repeat the command.") == 75
    assert capsys.readouterr().err == "interrupted: nothing was drawn. Repeat the command.\n"


def test_ctrl_c_during_the_imports_is_one_line_and_75(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)  # else TensorFlow's own notes are shown
    process = subprocess.Popen(
        [sys.executable, "-m", "sagan_tf.describe", "--gin_file=gin/quickstart.gin"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    maps = Path(f"/proc/{process.pid}/maps")
    deadline = time.monotonic() + 60
    while "libtensorflow" not in maps.read_text():  # the import of TensorFlow has begun
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "interrupted: nothing was saved. Repeat the command.\n"
    assert process.returncode == 75
