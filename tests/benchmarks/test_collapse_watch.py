"""The stored runs of real trainings: those that lose their variety raise the alarm in time, healthy ones never."""

import collapse_watch
import pytest

RUNS = collapse_watch.runs()


def shapes(name):
    """Variety of shape within classes in each record, the data's at most."""
    return [min(record.relative["shape"], 1.0) for record in RUNS[name]]


HEALTHY = [name for name in RUNS if min(shapes(name)) >= 0.7 * max(shapes(name)) and not name.startswith("broken")]
LOSING = [name for name in RUNS if collapse_watch.half_gone(RUNS[name])]


def alarms(name):
    return [record.step for record in collapse_watch.judged(RUNS[name]) if record.collapsed]


def test_there_are_runs_of_both_kinds():
    assert len(HEALTHY) >= 6 and len(LOSING) >= 3 and not set(HEALTHY) & set(LOSING)


@pytest.mark.parametrize("name", LOSING)
def test_a_run_that_loses_half_of_its_variety_raises_the_alarm_by_then(name):
    assert alarms(name) and alarms(name)[0] <= collapse_watch.half_gone(RUNS[name])


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_raises_none(name):
    assert alarms(name) == []


def test_rates_that_are_far_too_high_show_as_signs():
    """D becomes a constant and G stands still, until noise moves it again; there is no variety to lose."""
    said = [sign for one in collapse_watch.judged(RUNS["broken-high-rates"]) for sign in one.signs]
    assert "D's loss is constant at 2" in said and "G does not change: no kernel's sigma_0 has changed" in said
