"""ImageNet's 1,000 classes: their synsets, in the order of the labels, and WordNet's names for them."""

import functools
import re
from pathlib import Path

SYNSET = re.compile(r"n\d{8}")
# "n02099601 golden retriever", as in ImageNet's own lists.
_SYNSET_AND_NAMES = re.compile(r"(n\d{8})[\s,:]+(.+)")


@functools.cache
def imagenet_classes() -> dict[str, tuple[str, ...]]:
    """The nouns of each synset, such as ("tench", "Tinca tinca"), the usual one first, in the order of the labels."""
    text = Path(__file__).with_name("imagenet_classes.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {synset: tuple(nouns.split(", ")) for synset, nouns in rows}


def human_names(class_name: str) -> tuple[str, ...]:
    """The names in words of a class that is named by a synset, the usual one first; () for any other class.

    Known are ImageNet's 1,000 synsets, and names that include the words: "n02099601 golden retriever".
    """
    if found := _SYNSET_AND_NAMES.fullmatch(class_name):
        return tuple(name for part in found[2].split(",") if (name := part.strip()))
    return imagenet_classes().get(class_name, ())


def synset_of(class_name: str) -> str | None:
    """The synset in the name of a class, with or without words after it; None for any other class."""
    found = SYNSET.fullmatch(class_name.split()[0].rstrip(",:")) if class_name.split() else None
    return found[0] if found else None
