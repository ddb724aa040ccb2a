"""Checks of options that have a few allowed values, or must be of a class."""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any, get_args, get_type_hints


def check_choice(
    owner: str, name: str, value: object, options: Iterable, *, hint: str = "", error: type[Exception] = ValueError
) -> None:
    """Checks that a value is one of the options.

    owner: the class or group of the option, or "".
    hint: a sentence that says what to do.
    error: the class of the exception.

    Raises:
      ValueError (or `error`): naming the options, and the nearest one.
    """
    options = tuple(options)
    if value in options:
        return
    near = difflib.get_close_matches(str(value), [str(option) for option in options], n=1)
    advice = hint or (f"Did you mean {near[0]!r}?" if near else "Choose one of these.")
    full = f"{owner}.{name}" if owner else name
    raise error(f"{full} must be one of {', '.join(map(str, options))}; received {name}={value!r}. {advice}")


def check_parts(owner: str, options: Any) -> None:
    """Refuses a field of a dataclass whose annotation names a dataclass, where the value is of another class.

    A class itself, in place of an object of it, is what gin gives for a reference without parentheses.

    owner: what the user calls the options.

    Raises:
      ValueError: naming the field.
    """
    for name, annotation in get_type_hints(type(options)).items():
        kinds = [kind for kind in get_args(annotation) or (annotation,) if dataclasses.is_dataclass(kind)]
        optional = type(None) in get_args(annotation)
        value = getattr(options, name)
        if not kinds or isinstance(value, tuple(kinds)) or (optional and value is None):
            continue
        names = " or ".join([kind.__name__ for kind in kinds] + ["None"] * optional)
        raise ValueError(
            f"{owner}.{name} must be {names}; received {owner}.{name}={value!r}. Bind it to a call, such as "
            f"{owner}.{name} = @{kinds[0].__name__}()."
        )
