"""Interleaved rounds: every program has its own, and rounds beside a busy machine don't count."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROUNDS = Path(__file__).parents[2] / "benchmarks" / "rounds.py"
PROGRAM = """
import sys, time
sys.path.insert(0, {folder!r})
from rounds import serve
print("a library's greeting")
serve(lambda: time.sleep({seconds}), images=4)
"""


@pytest.fixture(scope="module")
def rounds():
    spec = importlib.util.spec_from_file_location("rounds", ROUNDS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["rounds"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["rounds"]


def program(rounds, name, seconds):
    text = PROGRAM.format(folder=str(ROUNDS.parent), seconds=seconds)
    return rounds.Program(name, [sys.executable, "-c", text])


def test_programs_take_turns_and_are_timed(rounds):
    said = []
    programs = [program(rounds, "short", 0.01), program(rounds, "long", 0.1)]
    short, long = rounds.interleave(programs, rounds=3, quiet=100.0, say=said.append)
    turns = [line.split(": ")[1] for line in said if line.startswith("round")]
    assert turns == ["short", "long"] * 3
    assert short["images"] == 4 and short["rounds"] == long["rounds"] == 3
    assert 0.01 <= short["seconds_min"] <= short["seconds_median"] < 0.1 <= long["seconds_min"]


def test_all_programs_are_warm_before_the_first_round_which_may_wait_for_a_quiet_machine(rounds):
    said = []
    programs = [program(rounds, "a", 0.01), program(rounds, "b", 0.01)]
    rounds.interleave(programs, rounds=1, quiet=100.0, say=said.append, when_warm=lambda: said.append("warm"))
    assert [line.split(":")[0] for line in said] == [
        "warming up a", "warming up b", "warm", "round 1", "round 1",
    ]  # fmt: skip


def test_no_round_begins_after_the_given_time(rounds):
    programs = [program(rounds, "a", 0.2)]
    (result,) = rounds.interleave(programs, rounds=50, quiet=100.0, say=lambda line: None, seconds=0.5)
    assert 1 <= result["rounds"] <= 3


def test_disturbed_rounds_are_dropped_and_tried_again_three_times_as_often_at_most(rounds):
    (result,) = rounds.interleave([program(rounds, "a", 0.01)], rounds=2, quiet=-1.0, say=lambda line: None)
    assert (result["rounds"], result["dropped"], result["seconds_min"]) == (0, 6, None)


def test_a_program_that_fails_is_named_with_its_error_and_the_others_go_on(rounds):
    said = []
    broken = rounds.Program("broken", [sys.executable, "-c", "raise ValueError('no such batch')"])
    programs = [broken, program(rounds, "whole", 0.01)]
    failed, whole = rounds.interleave(programs, rounds=1, quiet=100.0, say=said.append, together=True)
    assert failed["rounds"] == 0 and failed["failure"].startswith("broken ended: ")
    assert "no such batch" in failed["failure"] and failed["failure"] in said
    assert whole["rounds"] == 1 and whole["failure"] == ""


def test_a_program_that_ends_between_its_rounds_keeps_those_that_it_has_run(rounds):
    text = PROGRAM.format(folder=str(ROUNDS.parent), seconds=0.01).replace("time.sleep(0.01)", "next(turns)")
    text = text.replace("from rounds", "turns = iter(range(3))\nfrom rounds")  # two to warm up, one to be timed
    ending = rounds.Program("ending", [sys.executable, "-c", text])
    (result,) = rounds.interleave([ending], rounds=2, quiet=100.0, say=lambda line: None)
    assert result["rounds"] == 1 and "StopIteration" in result["failure"]


def test_a_program_that_does_not_warm_up_in_time_is_left_out(rounds):
    slow = rounds.Program("slow", [sys.executable, "-c", "import time; time.sleep(60)"])
    (result,) = rounds.interleave([slow], rounds=1, quiet=100.0, say=lambda line: None, warm_up_seconds=0.5)
    assert result["rounds"] == 0 and result["failure"].startswith("slow ended")
