"""The guard against non-finite numbers: one look at the loss and at every gradient, for the price of their norms."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf


class GradientCheck(NamedTuple):
    """ok: bool. bad: int32, -1 or the first that is not finite: 0 the loss, i + 1 the i-th gradient. norm: of all."""

    ok: tf.Tensor
    bad: tf.Tensor
    norm: tf.Tensor


def examine(loss: tf.Tensor, gradients: Sequence[tf.Tensor]) -> GradientCheck:
    """Whether all is finite, from the gradients' sums of squares.

    Given sums over the replicas the answer is the same on all of them, because a NaN or infinity in one is one in the
    sum. A gradient whose squares overflow float32 (entries about 1e19) counts as infinite.
    """
    squares = tf.stack([2.0 * tf.nn.l2_loss(gradient) for gradient in gradients])
    sick = tf.logical_not(tf.math.is_finite(tf.concat([[loss], squares], 0)))
    ok = tf.logical_not(tf.reduce_any(sick))
    bad = tf.where(ok, -1, tf.argmax(tf.cast(sick, tf.int32), output_type=tf.int32))
    return GradientCheck(ok, bad, tf.sqrt(tf.reduce_sum(squares)))


def tensor_names(d_trainable: Mapping[str, tf.Variable], g_trainable: Mapping[str, tf.Variable]) -> tuple[str, ...]:
    """What the index `bad_tensor` of the logs stands for: D's loss and gradients, then G's."""
    d = [f"gradient of discriminator.{name}" for name in d_trainable]
    g = [f"gradient of generator.{name}" for name in g_trainable]
    return ("d_loss", *d, "g_loss", *g)
