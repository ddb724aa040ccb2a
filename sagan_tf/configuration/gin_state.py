"""Isolates gin's global state: what this package parses does not change a program's own gin configuration."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import gin

# The globals of gin 0.5.0 that parsing and building read or write.
_NAMES = (
    "_REGISTRY",
    "_INVERSE_REGISTRY",
    "_CONFIG",
    "_OPERATIVE_CONFIG",
    "_CONFIG_IS_LOCKED",
    "_CONSTANTS",
    "_FILE_READERS",
    "_IMPORTS",
    "_LOCATION_PREFIXES",
    "_SINGLETONS",
)
_ours: dict[str, Any] = {}


@contextlib.contextmanager
def own_gin_state() -> Iterator[None]:
    """Replaces gin's globals by the package's own, and restores the caller's (the same objects) at the end.

    The package's globals start like gin's without any configuration, and persist beyond the context, with the
    configurables that were registered in it.
    """
    callers = {name: getattr(gin.config, name) for name in _NAMES}
    if not _ours:
        _ours.update({name: copy.deepcopy(value) for name, value in callers.items()})
        _ours["_CONFIG_IS_LOCKED"] = False
    try:
        for name, value in _ours.items():
            setattr(gin.config, name, value)
        yield
    finally:
        _ours.update({name: getattr(gin.config, name) for name in _NAMES})
        for name, value in callers.items():
            setattr(gin.config, name, value)
