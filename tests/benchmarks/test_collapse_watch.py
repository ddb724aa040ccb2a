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


def shapes(name):
    """Variety of shape within classes in each record, the data's at most."""
    return [min(record.relative["shape"], 1.0) for record in RUNS[name]]


HEALTHY = [name for name in RUNS if min(shapes(name)) >= 0.7 * max(shapes(name)) and not name.startswith("broken")]
LOSING = [name for name in RUNS if WATCH.half_gone(RUNS[name]) and not name.startswith("broken")]


def alarms(name):
    return [record.step for record in WATCH.judged(RUNS[name]) if record.collapsed]


def test_there_are_runs_of_both_kinds():
    assert HEALTHY and LOSING and not set(HEALTHY) & set(LOSING)


@pytest.mark.parametrize("name", LOSING)
def test_a_run_that_loses_half_of_its_variety_raises_the_alarm_before(name):
    assert alarms(name) and alarms(name)[0] <= WATCH.half_gone(RUNS[name])


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_raises_none(name):
    assert alarms(name) == []


def test_a_dead_discriminator_raises_it():
    assert alarms("broken-dead-d") == [100]


def test_rates_that_are_far_too_high_show_as_signs():
    """D becomes a constant and G stands still, until noise moves it again; there is no variety to lose."""
    said = [sign for one in WATCH.judged(RUNS["broken-high-rates"]) for sign in one.signs]
    assert "D's loss stands still at 2" in said and "G stands still: no kernel's sigma_0 has changed" in said
