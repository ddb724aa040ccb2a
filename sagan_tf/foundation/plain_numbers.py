"""Python's numbers in place of NumPy's in options: the gin text and the JSON that record options hold no others."""

import dataclasses
from numbers import Number
from typing import Any


def store_plain_numbers(options: Any) -> None:
    """Replaces every NumPy number in the fields of a frozen dataclass, and in tuples there, by Python's equal number.

    Options call it before they check their values, so that all of them take the same numbers.
    """
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        plain = tuple(map(_plain, value)) if type(value) is tuple else _plain(value)
        object.__setattr__(options, field.name, plain)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Number) and hasattr(value, "item") else value
