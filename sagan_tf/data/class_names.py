"""Class names: their order, and the mapping of one data set's labels to the classes of another."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from sagan_tf.data.source import DataError, Examples, LabelKind

_INTEGER = re.compile(r"[+-]?[0-9]+")
_LISTED = 12  # classes that an error message names


def is_integer(name: str) -> bool:
    """Whether a name is an integer in ASCII digits, such as "7" or "007" (but not "²")."""
    return _INTEGER.fullmatch(name) is not None


def all_integers(names: Sequence[str]) -> bool:
    """Whether every class is named by an integer, so that a number in digits may be a name or an index."""
    return bool(names) and all(map(is_integer, names))


def number_themselves(names: Sequence[str]) -> bool:
    """Whether each class is named by its own index: "0", "1", "2", ..."""
    return list(names) == [str(index) for index in range(len(names))]


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Distinct names in the order of their indices: by value where all of them are integers, else by code point."""
    distinct = sorted(set(names))
    return tuple(sorted(distinct, key=lambda name: (int(name), name)) if all_integers(distinct) else distinct)


def listed(names: Sequence[str], most: int = _LISTED) -> str:
    """Names with their indices, "0 cat, 1 dog, ..."; of more than `most`, the first ones and the last."""
    shown = [f"{index} {name}" for index, name in enumerate(names)]
    return ", ".join(shown if len(shown) <= most else [*shown[: most - 1], "...", shown[-1]])


def indices_in(
    reference: Sequence[str],
    names: Sequence[str],
    *,
    of: str,
    to: str,
    kind: LabelKind = "named",
    reference_kind: LabelKind = "named",
) -> np.ndarray:
    """The index into `reference` of each of the K `names`, int32 (K,), matched by name and never by position.

    Classes that only have numbers (the labels of an .npz without names) are taken as indices into the reference.

    Args:
      reference, names: the class names of the two data sets, in the order of their labels.
      of, to: how error messages call the data sets with `names` and with `reference`.
      kind, reference_kind: the kinds of labels of the two data sets.

    Raises:
      DataError: naming both lists, if the reference lacks a class, if numbers could be names as well as indices, or
        if one of the data sets has no classes.
    """
    both = f"Classes of {of}: {listed(names)}. Classes of {to}: {listed(reference)}."
    if "none" in (kind, reference_kind):
        bare = of if kind == "none" else to
        raise DataError(
            f"Both data sets must have classes to be compared by class; received {bare} without classes. Sort its "
            f"images into class folders. {both}"
        )
    if "numbered" in (kind, reference_kind):
        return _numbered(reference, names, kind, reference_kind, both)
    index = {name: i for i, name in enumerate(reference)}
    if unknown := [name for name in names if name not in index]:
        raise DataError(
            f"Every class of {of} must be a class of {to}; received {_some(unknown)}, which "
            f"{'is' if len(unknown) == 1 else 'are'} not. Rename the classes so that they agree. {both}"
        )
    return np.array([index[name] for name in names], np.int32)


def _numbered(
    reference: Sequence[str], names: Sequence[str], kind: LabelKind, reference_kind: LabelKind, both: str
) -> np.ndarray:
    """Takes numbers as indices, unless the other data set's names make them ambiguous or they are out of range."""
    remedy = "Store the names with the labels, as class_names in the .npz."
    if kind == "named" and not number_themselves(names):
        raise DataError(f"Class names can't be matched with bare numbers. {remedy} {both}")
    if reference_kind == "named" and all_integers(reference) and not number_themselves(reference):
        raise DataError(f"A number could be an index or a name here, and the two differ. {remedy} {both}")
    if len(names) > len(reference):
        raise DataError(
            f"Numbered labels must be indices of the other's classes, below {len(reference)}; received labels up to "
            f"{len(names) - 1}. Correct the labels. {both}"
        )
    return np.arange(len(names), dtype=np.int32)


def relabeled(examples: Examples, class_names: Sequence[str] | None) -> Examples:
    """The same examples with labels that index `class_names`; None leaves the labels as they are.

    Raises:
      DataError: naming both lists, if a class of the examples isn't among the names.
    """
    if class_names is None or tuple(class_names) == examples.class_names:
        return examples
    if len(class_names) == len(examples.class_names) == 1:  # no classes: the one name is that of a folder
        return dataclasses.replace(examples, class_names=tuple(class_names))
    indices = indices_in(class_names, examples.class_names, of=examples.name, to="the data set trained on")
    table = tf.constant(indices)
    digests = dict(zip(examples.class_names, examples.class_digests, strict=False))

    def renumber(image, label):
        known = (label >= 0) & (label < len(indices))
        return image, tf.where(known, tf.gather(table, tf.where(known, label, 0)), -1)  # the pipeline refuses -1

    return dataclasses.replace(
        examples,
        class_names=tuple(class_names),
        class_digests=tuple(digests.get(name, "") for name in class_names) if digests else (),
        stream=lambda **where: examples.stream(**where).map(renumber),
        ordered=lambda: examples.ordered().map(renumber),
        agreement=None,  # it would be given the new labels
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
