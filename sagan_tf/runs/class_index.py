"""Converts classes as users write them, by name or by index, to labels."""

from collections.abc import Sequence

from sagan_tf.data.class_aliases import class_aliases
from sagan_tf.data.class_names import all_integers, is_integer, listed
from sagan_tf.foundation.spelling import counted, did_you_mean
from sagan_tf.runs.run_directory import RunError

Class = int | str


def class_index(word: Class, names: Sequence[str]) -> int:
    """A class by index (an int, or its digits) or name.

    A string is first looked up as a name. A class whose name is a synset, as in ImageNet, can also be given by
    WordNet's names: "n02099601" is "golden retriever", in upper or lower case, with blanks, hyphens or underscores.
    Where all names are integers, digits are never an index, only a name, or one of the same value: "02" is the class
    "2". Elsewhere digits are an index, unless they are another class's name as well.

    Raises:
      RunError: for an unknown class (the message suggests the closest names), for a name that several classes share,
        and for digits that are one class's name and another's index.
    """
    if isinstance(word, str) and (found := _named(word, names)) is not None:
        return found
    may_be_index = is_integer(str(word)) and not (isinstance(word, str) and all_integers(names))
    if may_be_index and 0 <= int(word) < len(names):
        return int(word)
    aliases = class_aliases(names)
    found = aliases.find(word) if isinstance(word, str) else []
    if len(found) == 1:
        return found[0]
    if found:
        raise RunError(
            f"a class must be given by a unique name or by its index; received {word!r}, which is a name of classes "
            f"{' and '.join(f'{i} {aliases.titles[i]}' for i in found)}. Give the index."
        )
    raise RunError(
        f"classes must be names or indices of this run's {counted(len(names), 'class')}; received {word!r}. "
        f"{did_you_mean(aliases.near(str(word)))}Classes: {listed(aliases.titles, most=30)}."
    )


def _named(word: str, names: Sequence[str]) -> int | None:
    """The class of this name, or None."""
    if all_integers(names) and is_integer(word):
        same = [name for name in names if int(name) == int(word)]
        word = word if word in names or len(same) != 1 else same[0]
    if word not in names:
        return None
    index = list(names).index(word)
    if is_integer(word) and not all_integers(names) and index != int(word) and 0 <= int(word) < len(names):
        raise RunError(
            f"a class must be given by its name or its index; received {word!r}, which is the name of class {index} "
            f"and the index of {names[int(word)]!r}. Give the other class by its name, and this class by its index, "
            f"{index}."
        )
    return index
