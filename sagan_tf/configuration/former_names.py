"""Names that settings had in former versions, so that the runs of those versions load and go on.

They are understood in a run's own record alone (config.gin, config.json). In a gin file or on the command line they are
refused like any other unknown name, with the nearest right one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# What gin calls them, and what config.json calls them.
RENAMED_BINDINGS = {
    "Procedure": "StepOptions",
    "Watching": "MonitorOptions",
    "train.procedure": "train.step_options",
    "train.watching": "train.monitoring",
}
RENAMED_FIELDS = {"procedure": "step_options", "watching": "monitoring"}
# Settings that changed no result and are gone.
RETIRED_BINDINGS = {"Numerics.recompute"}
RETIRED_FIELDS = {"numerics.recompute"}


def current_lines(lines: Iterable[str]) -> list[str]:
    """The lines of a run's config.gin under today's names, without settings that are gone."""
    kept = (line for line in lines if line.partition("=")[0].strip() not in RETIRED_BINDINGS)
    return [_renamed_line(line) for line in kept]


def _renamed_line(line: str) -> str:
    for former, current in RENAMED_BINDINGS.items():
        line = re.sub(rf"(?<![\w.]){re.escape(former)}(?!\w)", current, line)
    return line


def current_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a run's config.json under today's names, without settings that are gone."""
    renamed = {}
    for name, value in values.items():
        first, dot, rest = name.partition(".")
        if name not in RETIRED_FIELDS:
            is_class_name = first in RENAMED_FIELDS and not dot
            renamed[RENAMED_FIELDS.get(first, first) + dot + rest] = (
                RENAMED_BINDINGS.get(value, value) if is_class_name else value
            )
    return renamed
