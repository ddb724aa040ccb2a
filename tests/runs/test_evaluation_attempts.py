"""An evaluation that ends the process is tried twice; one that a signal or a file ended is made up for."""

import errno
import json
import os
import signal
import time

import pytest
import tensorflow as tf

from sagan_tf.data.source import DataError
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.foundation.interruption import Interruption
from sagan_tf.runs.evaluation_attempts import ATTEMPTS, attempt

OPTIONS = EvaluationOptions()


def killed(folder, evaluate, step=20, options=OPTIONS):
    """The signal that ended a process of its own in this evaluation."""
    child = os.fork()
    if not child:
        try:
            attempt(folder, step, options, evaluate)
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def never():
    raise AssertionError("it was evaluated")


def test_an_evaluation_that_kills_the_process_is_skipped_the_third_time(tmp_path, capsys):
    assert [killed(tmp_path, die) for _ in range(2)] == [signal.SIGKILL] * 2
    assert attempt(tmp_path, 20, OPTIONS, never) is None
    assert attempt(tmp_path, 20, OPTIONS, never) is None, "and is reported once"
    said = capsys.readouterr().err
    assert said.count("The evaluation of step 20 is skipped: it was begun 2 times and never finished") == 1
    assert f"python -m sagan_tf.evaluate --run_dir={tmp_path} --step=20" in said
    assert attempt(tmp_path, 40, OPTIONS, lambda: "another step") == "another step"
    assert attempt(tmp_path, 20, EvaluationOptions(batch_size=8), lambda: "less memory") == "less memory"
    assert attempt(tmp_path, 20, OPTIONS, never) is None
    (tmp_path / ATTEMPTS).unlink()
    assert attempt(tmp_path, 20, OPTIONS, lambda: "by hand") == "by hand"


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM"), ValueError("x")])
def test_an_evaluation_that_fails_counts_too_until_one_succeeds(error, tmp_path, capsys):
    def fail():
        raise error

    for _ in range(2):
        with pytest.raises(type(error)):
            attempt(tmp_path, 20, OPTIONS, fail)
        assert attempt(tmp_path, 20, OPTIONS, lambda: "better") == "better"
        assert not (tmp_path / ATTEMPTS).exists()
    assert capsys.readouterr().err.count("It is tried once more") == 2
    for _ in range(2):
        with pytest.raises(type(error)):
            attempt(tmp_path, 20, OPTIONS, fail)
    assert attempt(tmp_path, 20, OPTIONS, never) is None


ANSWERED = [KeyboardInterrupt(), SystemExit(75), BrokenPipeError(), DataError("A file is damaged."),
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]  # fmt: skip


@pytest.mark.parametrize("error", ANSWERED, ids=lambda error: type(error).__name__)
def test_an_interruption_or_a_file_does_not_count(error, tmp_path):
    def fail():
        assert json.loads((tmp_path / ATTEMPTS).read_text())[0]["begun"] == 1
        raise error

    for _ in range(3):
        with pytest.raises(type(error)):
            attempt(tmp_path, 20, OPTIONS, fail)
        assert not (tmp_path / ATTEMPTS).exists()


def test_a_preempted_process_that_is_killed_before_it_can_end_does_not_count(tmp_path):
    """After the signal it gets a while, here in a function that looks at nothing, and then SIGKILL."""

    def preempted():
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 10
        while (tmp_path / ATTEMPTS).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        die()

    def evaluate():
        with Interruption():
            preempted()

    assert [killed(tmp_path, evaluate) for _ in range(3)] == [signal.SIGKILL] * 3
    assert attempt(tmp_path, 20, OPTIONS, lambda: "made up for") == "made up for"


@pytest.mark.parametrize("content", ["", "{", "[1, {}]", '{"step": 20}', '[{"step": 20, "options": "", "begun": "2"}]'])
def test_a_damaged_record_counts_as_none(content, tmp_path):
    (tmp_path / ATTEMPTS).write_text(content)
    assert attempt(tmp_path, 20, OPTIONS, lambda: "measured") == "measured"
