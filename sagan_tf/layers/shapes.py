"""Shapes of tensors whose axes may be unknown while a graph is traced."""

import tensorflow as tf


def lengths(x: tf.Tensor) -> list[int | tf.Tensor]:
    """The length of each axis: an int where it is known, else a scalar int32 tensor."""
    dynamic = tf.shape(x)
    return [dynamic[axis] if known is None else known for axis, known in enumerate(x.shape)]
