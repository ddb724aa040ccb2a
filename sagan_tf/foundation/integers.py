"""The check of integers that Python's callers give."""

from numbers import Integral


def is_integer(value: object, least: int, most: int | None = None) -> bool:
    """Whether a value is an integer of Python or NumPy from `least` to `most` (None: any); True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return least <= value and (most is None or value <= most)


def check_integer(
    name: str,
    value: object,
    least: int,
    *,
    most: int | None = None,
    owner: str = "",
    what: str = "",
    hint: str = "",
) -> None:
    """Checks an integer of Python or NumPy, from `least` to `most` (None: without a limit); True and False are none.

    owner: the class or group of the option, or "". what: what the lower bound is, for the message.
    hint: a sentence that says what to do.

    Raises:
      ValueError: naming the value.
    """
    if is_integer(value, least, most):
        return
    bounds = f"of at least {least}" if most is None else f"from {least} to {most:,}"
    bounds = f"{bounds}, {what}" if what else bounds
    full = f"{owner}.{name}" if owner else name
    raise ValueError(f"{full} must be an integer {bounds}; received {name}={value!r}. {hint}".rstrip())
