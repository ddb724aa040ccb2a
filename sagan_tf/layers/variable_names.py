"""Stable names of a network's variables: their attribute paths, which are equal under Keras 3 and tf_keras."""

from collections.abc import Iterator

import tensorflow as tf


def named_variables(layer: tf.keras.layers.Layer) -> dict[str, tf.Variable]:
    """All variables of a built layer by their attribute paths, such as "blocks.0.conv_1.layer.kernel".

    Keras 3 has paths and tf_keras has not, and both number layers in the order of creation. Attribute names are this
    package's own, so that both read a checkpoint that is named by them.

    Raises:
      RuntimeError: if a variable can't be reached by public attributes, since it would be missing from checkpoints.
    """
    variables: dict[str, tf.Variable] = {}
    seen: set[int] = set()
    for path, variable in _walk(layer, ""):
        if id(variable) not in seen:
            seen.add(id(variable))
            variables[path] = variable
    if len(variables) != len(layer.weights):
        raise RuntimeError(
            f"every variable of {type(layer).__name__} must be reachable by public attributes; found "
            f"{len(variables)} of {len(layer.weights)}. Keep sub-layers and weights in attributes or lists whose names "
            "don't start with an underscore."
        )
    return variables


def layer_of(name: str) -> str:
    """The layer that a variable belongs to: "blocks.0.conv_1.layer.kernel" -> "blocks.0.conv_1".

    A layer in a wrapper such as spectral normalization's goes by the wrapper's name.
    """
    return name.rpartition(".")[0].removesuffix(".layer")


def _walk(value, path: str) -> Iterator[tuple[str, tf.Variable]]:
    if isinstance(value, tf.keras.layers.Layer):
        for name in sorted(vars(value)):
            if not name.startswith("_"):
                yield from _walk(vars(value)[name], f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}.{index}")
    elif (variable := as_variable(value)) is not None:
        yield path, variable


def as_variable(value) -> tf.Variable | None:
    """The tf.Variable of a weight, which Keras 3 wraps in an object of its own; None for anything else."""
    inner = getattr(value, "value", None)
    if isinstance(value, tf.Variable):
        return value
    return inner if not callable(inner) and isinstance(inner, tf.Variable) else None
