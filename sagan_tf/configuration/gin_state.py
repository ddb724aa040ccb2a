"""Isolates gin's global state: what this package parses does not change a program's own gin configuration."""

import contextlib
from collections.abc import Iterator
from typing import Any

import gin

_ours: dict[str, Any] = {}


def _fresh() -> dict[str, Any]:
    """The globals of gin 0.5.0 that parsing and building read or write, as before a program registers anything.

    Gin's own configurables and constants stay: macros, singletons and REQUIRED.
    """
    maps = {name: type(gin.config._REGISTRY)() for name in ("_REGISTRY", "_CONSTANTS")}
    for name, selectors in maps.items():
        for selector, value in getattr(gin.config, name).items():
            if selector.startswith("gin."):
                selectors[selector] = value
    inverse = gin.config._INVERSE_REGISTRY.items()
    return {
        **maps,
        "_INVERSE_REGISTRY": {target: registered for target, registered in inverse if registered.module == "gin"},
        "_CONFIG": {},
        "_OPERATIVE_CONFIG": {},
        "_CONFIG_IS_LOCKED": False,
        "_FILE_READERS": [],
        "_IMPORTS": set(),
        "_LOCATION_PREFIXES": [""],
        "_SCOPE_MANAGER": gin.config._ScopeManager(),
        "_SINGLETONS": {},
    }


@contextlib.contextmanager
def own_gin_state() -> Iterator[None]:
    """Replaces gin's globals by the package's own, and restores the caller's (the same objects) at the end.

    The package's globals start without the caller's configurables, bindings and scopes, and persist beyond the context,
    with the configurables that were registered in it.
    """
    if not _ours:
        _ours.update(_fresh())
    callers = {name: getattr(gin.config, name) for name in _ours}
    try:
        for name, value in _ours.items():
            setattr(gin.config, name, value)
        yield
    finally:
        _ours.update({name: getattr(gin.config, name) for name in callers})
        for name, value in callers.items():
            setattr(gin.config, name, value)
