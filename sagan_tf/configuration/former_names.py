"""Former names of settings, so that runs of earlier versions can be loaded and resumed.

They are accepted only in the files of a run (config.gin, config.json). In other gin files and on the command line they
are refused like any unknown name, with the nearest right one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Their names in gin, and in config.json.
RENAMED_BINDINGS = {
    "Procedure": "StepOptions",
    "Watching": "MonitorOptions",
    "train.procedure": "train.step_options",
    "train.watching": "train.monitoring",
}
RENAMED_FIELDS = {"procedure": "step_options", "watching": "monitoring"}
# Removed settings, which never changed results.
RETIRED_BINDINGS = {"Numerics.recompute"}
RETIRED_FIELDS = {"numerics.recompute"}


def current_lines(lines: Iterable[str]) -> list[str]:
    """The lines of a run's config.gin under current names, without removed settings."""
    kept = (line for line in lines if line.partition("=")[0].strip() not in RETIRED_BINDINGS)
    return [_renamed_line(line) for line in kept]


def _renamed_line(line: str) -> str:
    """The line with current names, except in its strings and comments: a folder may be called like a setting."""
    code = re.match(r"[^'\"#]*", line)[0]
    rest = line[len(code) :]
    for former, current in RENAMED_BINDINGS.items():
        code = re.sub(rf"(?<![\w.]){re.escape(former)}(?!\w)", current, code)
    return code + rest


def current_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a run's config.json under current names, without removed settings."""
    renamed = {}
    for name, value in values.items():
        first, dot, rest = name.partition(".")
        if name not in RETIRED_FIELDS:
            is_class_name = first in RENAMED_FIELDS and not dot
            renamed[RENAMED_FIELDS.get(first, first) + dot + rest] = (
                RENAMED_BINDINGS.get(value, value) if is_class_name else value
            )
    return renamed
