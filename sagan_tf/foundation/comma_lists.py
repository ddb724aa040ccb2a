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
    try:
        found = [entry.strip() for entry in next(csv.reader([text], skipinitialspace=True), [])]
    except csv.Error:  # a line break outside of quotes, for one
        found = []
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


def different(parse: Callable[[str], list[Entry]]) -> Callable[[str], list[Entry]]:
    """The `type` of a list whose entries must differ: a second one would count twice in means and deviations."""

    def parse_different(text: str) -> list[Entry]:
        values = parse(text)
        if len(set(values)) < len(values):
            raise argparse.ArgumentTypeError(f"must be different from each other; received {text!r}")
        return values

    return parse_different


def set_seed(text: str) -> int:
    """Parses the seed of a set of images, from 0 to 2^31 - 1.

    Raises:
      ValueError: for anything else.
    """
    value = int(text)
    if not 0 <= value < 1 << 31:
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
