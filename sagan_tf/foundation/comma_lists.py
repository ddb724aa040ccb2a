"""Lists on the command line: entries separated by commas, with blanks around them or not.

An entry that itself holds a comma stands in double quotes, as in CSV: `--classes='"salt, pepper",cat'`.
"""

import argparse
import csv
import math
from collections.abc import Callable
from typing import TypeVar

Entry = TypeVar("Entry")


def entries(text: str) -> list[str]:
    """The entries of a list, without the blanks around them.

    Raises:
      ValueError: for a list with an empty entry, or with none.
    """
    found = [entry.strip() for entry in next(csv.reader([text], skipinitialspace=True), [])]
    if not found or not all(found):
        raise ValueError(f"a list must hold entries separated by single commas; received {text!r}. Write A,B,C.")
    return found


def comma_list(kind: Callable[[str], Entry], what: str) -> Callable[[str], list[Entry]]:
    """The `type` of a flag that takes a list, for argparse.

    kind: makes the value of one entry and raises ValueError where it can't.
    what: what an entry must be, in the plural, for the message: "numbers".
    """

    def parse(text: str) -> list[Entry]:
        values = []
        try:
            for entry in entries(text):
                values.append(kind(entry))
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(f"must be {what}, separated by commas; received {text!r}") from None
        return values

    return parse


def number(text: str) -> float:
    """A finite number."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def seed(text: str) -> int:
    """A 64-bit integer."""
    value = int(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(text)
    return value
