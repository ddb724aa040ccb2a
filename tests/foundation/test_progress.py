"""Progress: a bar on a terminal, whole lines in a log file, nothing for what is quick."""

import io
import sys

import pytest

from sagan_tf.foundation import notes
from sagan_tf.foundation.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def stderr_is(monkeypatch):
    """Puts a stream in stderr's place, from the call on: pytest has its own there while fixtures are made."""

    def replaced(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return replaced


def turned(bar, monkeypatch):
    """The bar's own clock, to be turned by hand: returns a function that adds seconds."""
    now = [bar.start_t]
    monkeypatch.setattr(bar, "_time", lambda: now[0])

    def turn(seconds):
        now[0] += seconds

    return turn


def test_a_log_file_gets_whole_lines_with_the_time_left(stderr_is, monkeypatch):
    log = stderr_is(io.StringIO())
    with Progress(total=100, title="drawing", unit="image") as bar:
        turn = turned(bar, monkeypatch)
        for _ in range(100):
            turn(0.5)
            bar.update()
    lines = log.getvalue().splitlines()
    assert "\r" not in log.getvalue() and log.getvalue().endswith("\n")
    assert lines[0].startswith("drawing: 20%, 20 of 100, 00:10 elapsed, 00:40 left, 2.00image/s")
    assert 5 <= len(lines) <= 6 and lines[-1].startswith("drawing: 100%, 100 of 100, 00:50 elapsed, 00:00 left")


def test_what_is_quick_is_not_mentioned(stderr_is):
    log = stderr_is(io.StringIO())
    assert list(Progress(range(3), title="drawing", unit="image")) == [0, 1, 2]
    with clock("writing"):
        pass
    assert log.getvalue() == ""


def test_a_long_run_gets_fewer_lines(stderr_is, monkeypatch):
    log = stderr_is(io.StringIO())
    with Progress(total=24 * 60, title="train", unit="step", delay=0) as bar:
        turn = turned(bar, monkeypatch)
        for _ in range(24 * 60):
            turn(60)
            bar.update()
    assert 24 * 6 < log.getvalue().count("\n") < 300  # a day: one every minute at first, one in ten minutes later


def test_a_terminal_gets_a_bar(stderr_is):
    terminal = stderr_is(Terminal())
    with Progress(total=2, title="drawing", unit="image", delay=0) as bar:
        bar.update(2)
    assert "\r" in terminal.getvalue() and "100%" in terminal.getvalue() and terminal.getvalue().endswith("\n")


def test_a_clock_ticks_while_nothing_can_be_counted(stderr_is):
    terminal = stderr_is(Terminal())
    with Progress(total=5, initial=2, title="train", unit="step", delay=0) as bar:
        started = bar.start_t
        with bar.waiting("compiling"):
            bar._ticked.wait(5)
        assert "train: compiling, 00:0" in terminal.getvalue()
        assert bar.start_t > started and bar.bar_format is None  # the rate is that of the steps alone
        bar.update(3)
    assert "5/5" in terminal.getvalue()


def test_a_note_is_written_above_the_bar_that_stands_and_brings_up_none(stderr_is):
    terminal = stderr_is(Terminal())
    with Progress(total=5, title="slow", unit="step", delay=60), Progress(total=2, title="train", unit="step", delay=0):
        shown = len(terminal.getvalue())
        notes.warn("something happened")
        said = terminal.getvalue()[shown:]
    line, _, after = said.partition("something happened\n")
    assert "W" in line.rpartition("\r")[2] and "train:" in after and "slow:" not in said
    with Progress(total=5, title="slow", unit="step", delay=0):
        stderr_is(log := io.StringIO())
        notes.note("something else")
    assert log.getvalue().count("\n") == 1 and "\r" not in log.getvalue()


def test_quiet_is_quiet(stderr_is):
    terminal = stderr_is(Terminal())
    with Progress(total=5, title="train", unit="step", delay=0, quiet=True) as bar, bar.waiting("compiling"):
        bar.update(5)
    with clock("writing", quiet=True):
        pass
    assert terminal.getvalue() == ""
