"""Objects as gin bindings: the text that builds a dataclass again."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagan_tf.configuration.gin_config import ConfigError


def as_bindings(name: str, value: Any, names: Mapping[type, str]) -> list[str]:
    """The bindings of `name`, one per field of a dataclass that differs from its default; parts are bound in turn.

    names: what gin calls the classes of the parts.

    Raises:
      ConfigError: for a part whose class has no name in gin.
    """
    lines = []
    for field in dataclasses.fields(value):
        part = getattr(value, field.name)
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if part == default and type(part) is type(default):
            continue
        if dataclasses.is_dataclass(part):
            if type(part) not in names:
                raise ConfigError(
                    f"{name}.{field.name} must be of a class that gin can configure ({', '.join(names.values())}); "
                    f"received {field.name}={part!r}. Add its class to CONFIGURABLES in sagan_tf/experiment.py."
                )
            lines += [f"{name}.{field.name} = @{names[type(part)]}()", *as_bindings(names[type(part)], part, names)]
        else:
            lines.append(f"{name}.{field.name} = {literal(part)}")
    return lines


def literal(value: Any) -> str:
    """A value as gin writes it. Numbers are Python's (foundation/plain_numbers.py); strings may be of NumPy's type."""
    if isinstance(value, Path | str):
        return repr(str(value))
    if isinstance(value, list | tuple):
        items = ", ".join(map(literal, value))
        return f"[{items}]" if isinstance(value, list) else f"({items}{',' * (len(value) == 1)})"
    if isinstance(value, float) and math.isinf(value):
        return "-1e999" if value < 0 else "1e999"
    return repr(value)
