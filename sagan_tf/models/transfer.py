"""Which weights a new pair of networks can take from a trained pair, matched by name, shape and class; reads no files.

Variables are named as in checkpoints ("generator.blocks.0.conv_1.layer.kernel"). Everything except class tables and
their replacements, attention and heads must match exactly; otherwise the networks belong to different families.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sagan_tf.models.spec import GANSpec

Shape = tuple[int, ...]
How = Literal["taken", "by class", "mean of the classes", "for every class", "new"]

# Fields of the descriptions that must agree, beside the widths: of both networks or G, and of D.
_SAME = (
    "resolution",
    "block",
    "generator_ladder",
    "upsamples",
    "wide_rgb",
    "z_dim",
    "hierarchical",
    "condition_includes_z",
    "condition_order",
    "spectral_norm_g",
)
_SAME_D = ("discriminator_ladder", "pools", "discriminator_stem", "spectral_norm_d", "thin_discriminator")
_OPTIONAL = re.compile(r"\.(long_range|head|shared)\.|\.norm_\d+\.(gain|bias)(\.|$)")
_NORM_TABLE = re.compile(r"generator\..*\.norm_\d+\.(gain|bias)\.kernel")


class TransferError(ValueError):
    """Networks that others cannot start from. The message says what differs, and what to do."""


@dataclass(frozen=True)
class Match:
    """How a variable of the new networks gets its value.

    how: "taken" as it is; "by class": row for row; "mean of the classes": of a table, where the new network has one
      vector; "for every class": of a vector, where it has a table; "new": its own initial value.
    axis: the axis of the classes, of the table on either side.
    """

    how: How
    axis: int | None = None


def check_same_networks(there: GANSpec, here: GANSpec, *, discriminator: bool = True) -> None:
    """Checks that two descriptions differ only in classes, attention, heads and constants.

    there, here: of the networks that are trained, and of those that are to start from them.
    discriminator: whether there is a discriminator to be taken; if not, its description may differ.

    Raises:
      TransferError: with both values of the first field that differs.
    """
    pairs = [
        (name, getattr(there, name), getattr(here, name)) for name in (*_SAME, *(_SAME_D if discriminator else ()))
    ]
    pairs.insert(1, ("width", there.width, here.width))
    if discriminator:
        theirs, ours = (spec.discriminator_width or spec.width for spec in (there, here))
        pairs.insert(2, ("discriminator_width", theirs, ours))
    if "none" not in (there.conditioning, here.conditioning):
        pairs.append(("conditioning", there.conditioning, here.conditioning))
    if there.conditioning == here.conditioning == "shared":
        pairs.append(("shared_dim", there.shared_dim, here.shared_dim))
    for name, theirs, ours in pairs:
        if theirs != ours:
            raise TransferError(
                f"networks can only start from others with the same {name}; received {name}={theirs!r} in the trained "
                f"networks and {name}={ours!r} in the new ones. Describe the new run with {name}={theirs!r}, or start "
                "from another run."
            )


def class_axis(name: str, spec: GANSpec) -> int | None:
    """The axis of a variable that counts the classes; None if it has none."""
    if spec.conditioning == "tables" and _NORM_TABLE.fullmatch(name):
        return 0
    if spec.conditioning == "shared" and name == "generator.shared.kernel":
        return 0
    if spec.head == "projection" and name.startswith("discriminator.head.embedding."):
        return 0
    if spec.head == "auxiliary" and name.startswith("discriminator.head.classifier."):
        return 1 if name.endswith("kernel") else 0
    return None


def rows_by_name(
    there: Sequence[str], here: Sequence[str], class_map: Mapping[str, str] | None = None
) -> tuple[int | None, ...]:
    """For each class of the new networks, the row of the trained ones' tables that it takes; None: there is none.

    class_map: new class -> trained class, for classes whose names differ. Other classes go by their own name.
    """
    index = {name: i for i, name in reversed(list(enumerate(there)))}
    return tuple(index.get((class_map or {}).get(name, name)) for name in here)


def match(
    there: Mapping[str, Shape],
    here: Mapping[str, Shape],
    *,
    spec_there: GANSpec,
    spec_here: GANSpec,
    same_classes: bool = False,
) -> dict[str, Match]:
    """How each variable of the new networks gets its value.

    there, here: shapes by name, of the trained networks and of the new ones.
    spec_there, spec_here: their descriptions, which `check_same_networks` has accepted.
    same_classes: whether the classes are the same in the same order, so that tables are taken as they are.

    Spectral norm's u of a class table is new unless all of its classes are the same: power iteration finds it again
    within a few steps.

    Raises:
      TransferError: if a variable that both networks must have does not fit; a network of which there is nothing at
        all is new as a whole.
    """
    present = {name.partition(".")[0] for name in there}
    found = {}
    for name, shape in here.items():
        ours, theirs = class_axis(name, spec_here), class_axis(name, spec_there)
        found[name] = Match("new")
        if there.get(name) == shape and (ours is None or same_classes):
            found[name] = Match("taken")
        elif ours is not None and name in there and not name.endswith(".u"):
            if _without(there[name], theirs) == _without(shape, ours):
                found[name] = Match("by class", ours)
        elif (table := f"{name}.kernel") in there and (axis := class_axis(table, spec_there)) is not None:
            if _without(there[table], axis) == shape:
                found[name] = Match("mean of the classes", axis)
        elif ours is not None and there.get(vector := name.removesuffix(".kernel")) == _without(shape, ours):
            found[name] = Match("for every class", ours) if vector != name else Match("new")
        elif not _OPTIONAL.search(name) and name.partition(".")[0] in present:
            other = f"shape {there[name]}" if name in there else "nothing of this name"
            raise TransferError(
                f"networks can only start from others of the same family; received no matching variable for {name}, "
                f"which has the shape {shape} in the new networks and {other} in the trained ones. Describe the new "
                "run like the other one."
            )
    return found


def source_of(name: str, found: Match) -> str:
    """The name of the trained variable that a match takes from."""
    if found.how == "mean of the classes":
        return f"{name}.kernel"
    return name.removesuffix(".kernel") if found.how == "for every class" else name


def value(found: Match, trained: np.ndarray, *, shape: Shape, rows: Sequence[int | None], n_trained: int) -> np.ndarray:
    """The value that a matched variable gets.

    trained: the value of the variable `source_of`.
    shape: of the new variable. rows: from `rows_by_name`; rows of a table beyond the classes count as None.
    n_trained: the number of the trained classes, the first of their table.

    A class that the trained networks don't have starts as the mean of theirs: the blocks have been trained with gains
    and biases like these, and not with one and zero.
    """
    if found.how == "taken":
        return trained
    if found.how == "for every class":
        return np.broadcast_to(np.expand_dims(trained, found.axis), shape)
    table = np.moveaxis(trained, found.axis, 0)[:n_trained]
    mean = table.mean(axis=0)
    if found.how == "mean of the classes":
        return mean
    padded = [*rows, *[None] * (shape[found.axis] - len(rows))]
    return np.stack([mean if row is None else table[row] for row in padded], axis=found.axis)


def _without(shape: Shape, axis: int | None) -> Shape | None:
    return None if axis is None else (*shape[:axis], *shape[axis + 1 :])
