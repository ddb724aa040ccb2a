"""Suggestions for misspelled names."""

import difflib
from collections.abc import Collection, Iterable
from pathlib import Path


def nearest(word: str, known: Iterable[str]) -> str:
    """ "Did you mean ...? " for a misspelled word, or ""."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}? " if close else ""


def nearest_files(file: str, known: Collection[str], count: int = 3) -> list[str]:
    """The `count` files whose paths or names are most similar to `file`, best first."""

    def likeness(path: str) -> float:
        pairs = ((path, file), (Path(path).stem, Path(file).stem))
        return max(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs)

    return sorted(known, key=lambda path: (-likeness(path), len(path), path))[:count]


def did_you_mean(names: Collection[str]) -> str:
    """ "Did you mean A, B or C? ", or "" without names."""
    *others, last = names or [""]
    return f"Did you mean {', '.join(others) + ' or ' if others else ''}{last}? " if last else ""


def counted(number: int, noun: str) -> str:
    """ "1 class", "10 classes", "1,200 images"."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def lines(names: Iterable[str]) -> str:
    """The names as text with one name per line; line breaks within a name are written as escapes, such as "\\n"."""
    return "".join("".join(_escaped(c) for c in name) + "\n" for name in names)


def _escaped(character: str) -> str:
    """The character, or the escape of one at which `splitlines` breaks a line."""
    return character if len(f"{character}.".splitlines()) == 1 else character.encode("unicode_escape").decode()
