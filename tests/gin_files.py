"""The gin files that describe runs, and their settings."""

import functools
from collections.abc import Callable, Hashable
from pathlib import Path

from sagan_tf import experiment

ROOT = Path(__file__).parents[1]
PARTS = ("data", "evaluation", "hardware")  # included by runs, not runs themselves
RUNS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "gin").rglob("*.gin")
    if path.relative_to(ROOT / "gin").parts[0] not in PARTS
)


@functools.cache
def settings_of(file: str) -> experiment.Experiment:
    return experiment.load([file], []).value


def first_with(key: Callable[[experiment.Experiment], Hashable]) -> list[str]:
    """The first file of each value of key(settings): what two files have in common needs no second run."""
    firsts = {}
    for file in RUNS:
        firsts.setdefault(key(settings_of(file)), file)
    return list(firsts.values())
