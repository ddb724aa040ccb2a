"""Comma-separated lists on the command line, with optional spaces around entries.

An entry that contains a comma is put in double quotes, as in CSV: `--classes='"salt, pepper",cat'`.
"""

import argparse
import csv
import math
from collections.abc import Callable
from typing import TypeVar

Entry = TypeVar("Entry")


def entries(text: str) -> list[str]:
    """The entries of a list, without surrounding spaces.

    Raises:
      ValueError: for an empty list or an empty entry.
    """
    found = [entry.strip() for entry in next(csv.reader([text], skipinitialspace=True), [])]
    if not found or not all(found):
        raise ValueError(f"a list must hold entries separated by single commas; received {text!r}. Write A,B,C.")
    return found


def comma_list(kind: Callable[[str], Entry], what: str) -> Callable[[str], list[Entry]]:
    """An argparse `type` for flags that take a list.

    kind: converts one entry; raises ValueError if it can't.
    what: a plural noun for the entries in error messages, such as "numbers".
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
    """Parses a finite number.

    Raises:
      ValueError: for anything else.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def seed(text: str) -> int:
    """Parses a 64-bit integer.

    Raises:
      ValueError: for anything else.
    """
    value = int(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(text)
    return value
