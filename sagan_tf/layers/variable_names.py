"""Stable names of a network's variables: the attribute path, the same under Keras 3 and tf_keras."""

from collections.abc import Iterator

import tensorflow as tf


def named_variables(layer: tf.keras.layers.Layer) -> dict[str, tf.Variable]:
    """Every variable below a built layer by its attribute path, e.g. "blocks.0.conv_1.layer.kernel".

    Keras 3 knows paths and tf_keras does not, and both number layers by creation; the attributes are ours, so a
    checkpoint named by them is read by both.

    Raises:
      RuntimeError: if a variable of the layer can't be reached by public attributes; it would be lost at saving.
    """
    found: dict[str, tf.Variable] = {}
    seen: set[int] = set()
    for path, variable in _walk(layer, ""):
        if id(variable) not in seen:
            seen.add(id(variable))
            found[path] = variable
    if len(found) != len(layer.weights):
        raise RuntimeError(
            f"every variable of {type(layer).__name__} must be reachable by public attributes; found {len(found)} of "
            f"{len(layer.weights)}. Keep sub-layers and weights in attributes or lists without a leading underscore."
        )
    return found


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
    """The tf.Variable itself; Keras 3 wraps it in an object of its own."""
    inner = getattr(value, "value", None)
    if isinstance(value, tf.Variable):
        return value
    return inner if not callable(inner) and isinstance(inner, tf.Variable) else None
