"""The stored runs of real trainings: those that lose their variety raise the alarm in time, healthy ones never."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "collapse_watch.py"


def load():
    spec = importlib.util.spec_from_file_location("collapse_watch", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WATCH = load()
RUNS = WATCH.runs()
LOSING = {name: looks for name, looks in RUNS.items() if WATCH.half_gone(looks)}


def test_there_are_runs_of_both_kinds():
    assert LOSING and len(LOSING) < len(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_loses_half_of_its_variety_raises_the_alarm_before_and_no_other_does(name):
    alarms = [look.step for look in WATCH.judged(RUNS[name]) if look.collapsed]
    if name in LOSING:
        assert alarms and alarms[0] <= WATCH.half_gone(RUNS[name])
    else:
        assert not alarms or name.startswith("broken"), alarms
