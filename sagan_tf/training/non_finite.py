"""Non-finite numbers: the check of every update on the device, and the host's count of the skipped updates."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

FLOAT16_SKIPS = 25  # more than the loss scale needs to fall from its initial value to 1


class NonFiniteError(RuntimeError):
    """A loss or a gradient became NaN or infinite."""


class GradientCheck(NamedTuple):
    """What `examine` found, the same on all replicas; ok and bad are scalars.

    ok: bool, whether the loss and every gradient are finite.
    bad: int32, the index of the first that is not, or -1: 0 is the loss, i + 1 the i-th gradient.
    squares: float32 (N,), the squared Euclidean norm of each gradient.
    """

    ok: tf.Tensor
    bad: tf.Tensor
    squares: tf.Tensor

    @property
    def norm(self) -> tf.Tensor:
        """The Euclidean norm of all gradients together, a scalar."""
        return tf.sqrt(tf.reduce_sum(self.squares))


def examine(loss: tf.Tensor, gradients: Sequence[tf.Tensor]) -> GradientCheck:
    """Checks the loss and every gradient, from the sums of squares that the gradients' norm needs anyway.

    loss: scalar. gradients: tensors of any shape. Both are sums over the replicas, so that all replicas get the same
    answer: a NaN or an infinity on one replica is one in the sum. A gradient whose squares overflow float32 (entries of
    about 1e19) counts as infinite.
    """
    squares = 2.0 * tf.stack([tf.nn.l2_loss(gradient) for gradient in gradients])  # (N,)
    non_finite = tf.logical_not(tf.math.is_finite(tf.concat([[loss], squares], 0)))  # (1+N,)
    ok = tf.logical_not(tf.reduce_any(non_finite))
    bad = tf.where(ok, -1, tf.argmax(tf.cast(non_finite, tf.int32), output_type=tf.int32))
    return GradientCheck(ok, bad, squares)


class NonFiniteCheck:
    """Counts the consecutive steps whose update was skipped because a loss or a gradient was not finite.

    allowed: how many consecutive steps may skip an update.
    tensor_names: the names of what `bad_tensor` in the logs counts (training/logs.py).
    """

    def __init__(self, allowed: int, tensor_names: Sequence[str]):
        self._allowed = allowed
        self._names = tensor_names
        self._in_a_row = 0
        self.skipped = 0

    def check(self, logs: dict[str, float], n: int, step: int) -> None:
        """Checks the logs of the n steps that end at `step`.

        The logs tell how many of a call's steps were skipped, but not which: they count as the last ones of the call,
        and continue the series of the call before only if all n were skipped.

        Raises:
          NonFiniteError: if more consecutive steps were skipped than allowed, or a mean in the logs is not finite. The
            message names the steps and the tensor.
        """
        skipped = int(logs["skipped"])
        self.skipped += skipped
        self._in_a_row = skipped + (self._in_a_row if skipped == n else 0)
        allowed = max(self._allowed, FLOAT16_SKIPS) if "g_loss_scale" in logs else self._allowed
        non_finite = [name for name, value in logs.items() if not math.isfinite(value)] if skipped < n else []
        if self._in_a_row > allowed or non_finite:
            name = self._names[int(logs["bad_tensor"])] if skipped else non_finite[0]
            raise NonFiniteError(
                f"{name} became non-finite within the steps {step - n + 1} to {step} ({skipped} of {n} updates were "
                f"skipped, {self._in_a_row} in a row)"
            )
