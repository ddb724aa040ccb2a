"""Readable names of classes: those of classes that are named by synsets, and suggestions for misspelled ones."""

import collections
import difflib
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sagan_tf.data.imagenet_classes import human_names, synset_of

_CUTOFF = 0.5  # similarity of a suggestion, as difflib measures it
_SIMILAR = 3  # number of similar names that are suggested


@dataclass(frozen=True)
class ClassAliases:
    """The names by which the classes of a run can be called, in addition to their own.

    Attributes:
      names: the names of the classes, in the order of their labels.
      others: for each class its other names, the usual one first: ("golden retriever", "n02099601"), or ().
      titles: for each class a readable name: the usual one, with the synset if several classes share it.
    """

    names: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]
    titles: tuple[str, ...]

    def find(self, word: str) -> list[int]:
        """The classes that have this word as one of their other names, by the first of these comparisons that finds
        any.

        As written; as the usual name, ignoring case; as any other name, ignoring case.
        """
        usual = [other[:1] for other in self.others]
        for known, form in ((self.others, str), (usual, folded), (self.others, folded)):
            found = [i for i, others in enumerate(known) if form(word) in map(form, others)]
            narrowed = [i for i in found if form(word) in map(form, usual[i])]
            if found:
                return narrowed or found
        return []

    def near(self, word: str, most: int = 5) -> list[str]:
        """The titles of at most `most` classes to suggest for a word that is not the name of any class.

        First those with a name that contains the word; if there are none, the most similar names.
        """
        wanted = folded(word)
        every = [[folded(name), *map(folded, others)] for name, others in zip(self.names, self.others, strict=True)]
        whole = re.compile(rf"\b{re.escape(wanted)}\b")
        for matches in (whole.search, lambda name: len(wanted) > 2 and wanted in name):
            if found := [i for i, names in enumerate(every) if any(map(matches, names))]:
                return [self.titles[i] for i in found[:most]]
        owner = {name: i for i, names in enumerate(every) for name in reversed(names)}
        close = difflib.get_close_matches(wanted, owner, n=min(most, _SIMILAR), cutoff=_CUTOFF)
        return list(dict.fromkeys(self.titles[owner[name]] for name in close))


def folded(name: str) -> str:
    """A name without case, with blanks for underscores and hyphens: "Flat-coated_dog" -> "flat coated dog"."""
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()


def class_aliases(names: Sequence[str]) -> ClassAliases:
    """The aliases of classes with these names; computed once for each list."""
    return _of(tuple(names))


@functools.lru_cache(maxsize=16)
def _of(names: tuple[str, ...]) -> ClassAliases:
    human = [human_names(name) for name in names]
    usual = [words[0] if words else name for name, words in zip(names, human, strict=True)]
    shared = {word for word, count in collections.Counter(usual).items() if count > 1}
    others, titles = [], []
    for name, words, title in zip(names, human, usual, strict=True):
        synset = synset_of(name)
        others.append((*words, *({synset} - {name, None})))
        titles.append(f"{title} ({synset})" if synset and title in shared else title)
    return ClassAliases(names, tuple(others), tuple(titles))
