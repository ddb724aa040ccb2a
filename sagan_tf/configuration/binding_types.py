"""Checks the types of the values that gin binds against the configurables' signatures."""

import contextlib
import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from sagan_tf.foundation.spelling import nearest

_WORDS = {bool: "True or False", int: "an integer", float: "a finite number", str: "a string", type(None): "None"}


@dataclasses.dataclass(frozen=True)
class Reference:
    """A reference to a configurable as a value: `@name()`, or `@name` if not `called`."""

    name: str
    called: bool = True

    def __repr__(self) -> str:
        return f"@{self.name}" + "()" * self.called


def wrong_kind(owner: str, parameter: str, value: Any, configurables: Mapping[str, Callable]) -> str | None:
    """A sentence on what is wrong with the type of `owner.parameter = value`, or None if it fits.

    References are checked by what they return. A parameter without an annotation accepts anything.
    """
    target = configurables[owner]
    hint = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target).get(parameter)
    if hint is None or _fits(value, hint, configurables):
        return None
    name = f"{owner}.{parameter}"
    advice = _advice(name, value, hint, configurables)
    return f"{name} must be {_described(hint)}; received {name}={value!r}.{advice}"


def _alternatives(hint: Any) -> tuple:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return tuple(a for one in typing.get_args(hint) for a in _alternatives(one)) if union else (hint,)


def _fits(value: Any, hint: Any, configurables: Mapping[str, Callable]) -> bool:
    return any(_fits_one(value, one, configurables) for one in _alternatives(hint))


def _fits_one(value: Any, hint: Any, configurables: Mapping[str, Callable]) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in arguments
    if isinstance(value, Reference):
        return value.called and _returns(configurables[value.name], hint)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, arguments[0], configurables) for item in value)
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float) and _is_finite(value)
    return not getattr(hint, "_is_protocol", False) and isinstance(value, origin or hint)


def _is_finite(number: float) -> bool:
    """Whether a number has a finite value as a float, unlike 1e999."""
    with contextlib.suppress(OverflowError):
        return math.isfinite(number)
    return False


def _returns(target: Callable, hint: Any) -> bool:
    """Whether the return type of a configurable fits the annotation `hint`."""
    made = target if inspect.isclass(target) else typing.get_type_hints(target).get("return")
    if not (inspect.isclass(made) and inspect.isclass(hint)):
        return True
    if getattr(hint, "_is_protocol", False):
        return all(hasattr(made, name) for name in vars(hint) if not name.startswith("_"))
    return issubclass(made, hint)


def _described(hint: Any) -> str:
    """An annotation in words: "a finite number or None"."""
    parts = list(dict.fromkeys(_described_one(one) for one in _alternatives(hint)))
    return " or ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _described_one(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        values = [repr(value) for value in typing.get_args(hint)]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    if typing.get_origin(hint) is tuple:
        return f"a tuple of {_described(typing.get_args(hint)[0]).removeprefix('an ').removeprefix('a ')}s"
    if hint in _WORDS:
        return _WORDS[hint]
    name = getattr(hint, "__name__", str(hint))
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


def _advice(name: str, value: Any, hint: Any, configurables: Mapping[str, Callable]) -> str:
    """What to write instead, if that can be inferred."""
    if isinstance(value, Reference):
        called = Reference(value.name)
        if not value.called and _fits(called, hint, configurables):
            return f" Call it: {name}={called!r}."
    if isinstance(value, list) and _fits(tuple(value), hint, configurables):
        return f" Write {name}={tuple(value)!r}."
    if not isinstance(value, Reference) and _fits((value,), hint, configurables):
        return f" Write {name}={(value,)!r}."
    if isinstance(value, str):
        if _fits(number := _literal(value), hint, configurables):
            return f" Remove the quotes: {name}={number!r}."
        known = [v for one in _alternatives(hint) if typing.get_origin(one) is Literal for v in typing.get_args(one)]
        if close := nearest(repr(value), [repr(v) for v in known if isinstance(v, str)]):
            return f" {close.rstrip()}"
    makers = _makers(_alternatives(hint), configurables)
    return f" Bind it to {' or '.join(makers)}." if makers else ""


def _makers(kinds: Iterable[Any], configurables: Mapping[str, Callable]) -> list[str]:
    classes = [kind for kind in kinds if inspect.isclass(kind) and kind not in _WORDS and not typing.get_origin(kind)]
    return [f"@{name}()" for name, target in configurables.items() if any(_returns(target, kind) for kind in classes)]


def _literal(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)
