"""Checks of options that have a few allowed values."""

import difflib
from collections.abc import Iterable


def check_choice(
    owner: str, name: str, value: object, options: Iterable, *, hint: str = "", error: type[Exception] = ValueError
) -> None:
    """Refuses a value that isn't among the options.

    owner: the class or group that has the option, "" for none. hint: a sentence that says what to do. error: the
    exception that is raised.

    Raises:
      ValueError (or `error`): with the options, and the nearest of them.
    """
    options = tuple(options)
    if value in options:
        return
    near = difflib.get_close_matches(str(value), [str(option) for option in options], n=1)
    advice = hint or (f"Did you mean {near[0]!r}?" if near else "Choose one of these.")
    full = f"{owner}.{name}" if owner else name
    raise error(f"{full} must be one of {', '.join(map(str, options))}; received {name}={value!r}. {advice}")
