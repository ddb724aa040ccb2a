"""The check of counts that Python's callers give."""

from numbers import Integral


def check_integer(name: str, value: object, least: int, *, what: str = "", hint: str = "") -> None:
    """Checks an integer of Python or NumPy, at least `least`; True and False are none.

    what: what the bound is, for the message. hint: a sentence that says what to do.

    Raises:
      ValueError: naming the value.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        bound = f"{least}, {what}" if what else str(least)
        message = f"{name} must be an integer of at least {bound}; received {name}={value!r}."
        raise ValueError(f"{message} {hint}".rstrip())
