"""Comma-separated lists on the command line, with optional spaces around entries.

An entry that contains a comma is put in double quotes, as in CSV: `--classes='"salt, pepper",cat'`.
"""

import argparse
import csv
import functools
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


def _integer(text: str, least: int, below: int) -> int:
    """Parses an integer in [least, below).

    Raises:
      ValueError: for anything else.
    """
    value = int(text)
    if not least <= value < below:
        raise ValueError(text)
    return value


set_seed = functools.partial(_integer, least=0, below=1 << 31)  # of a set of images
seed = functools.partial(_integer, least=-(1 << 63), below=1 << 63)  # of one image
