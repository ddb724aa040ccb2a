"""Shapes of tensors whose axes may be unknown while a graph is traced, and the check of their number."""

from collections.abc import Sequence

import tensorflow as tf


def lengths(x: tf.Tensor) -> list[int | tf.Tensor]:
    """The length of each axis: an int where it is known, else a scalar int32 tensor."""
    dynamic = tf.shape(x)
    return [dynamic[axis] if known is None else known for axis, known in enumerate(x.shape)]


def check_axes(owner: str, name: str, shape: Sequence[int | None], *wanted: str, hint: str = "") -> None:
    """Checks the number of axes of an input, since TensorFlow broadcasts, or ends the process, where it is wrong.

    owner: the layer. wanted: shapes that it takes, such as "(B,H,W,C)". hint: a sentence that says what to do.

    Raises:
      ValueError: naming the shape.
    """
    shape = tf.TensorShape(shape)
    if shape.rank not in (None, *(len(axes.strip("(),").split(",")) for axes in wanted)):
        advice = hint or "Reshape it, or use another layer."
        raise ValueError(f"{owner}'s {name} must be {' or '.join(wanted)}; received shape={shape}. {advice}")
