"""Penalties beside the adversarial loss: orthogonal regularization of G and R1 on D."""

from collections.abc import Iterable
from typing import Literal

import tensorflow as tf

OrthogonalForm = Literal["off_diagonal", "identity"]


def orthogonal(kernels: Iterable[tf.Tensor], form: OrthogonalForm = "off_diagonal") -> tf.Tensor:
    """Sum over kernels of the squared distance of the filters' Gram matrix W^T W, W = [rest, out], from orthogonality.

    "off_diagonal": |W^T W * (1 - I)|^2, elementwise product, squared Frobenius norm (Brock et al. 2018, eq. 3), which
      leaves the filters' norms free. "identity": |W^T W - I|^2 (eq. 2).
    BigGAN's strength is 1e-4 for eq. 3 (unconfirmed: the number is BigGAN-PyTorch's, whose gradient is half of this
    one's, so that its strength s is 2s here).

    The Gram matrix of G's first layer would have 24,576 rows; only the smaller one of W^T W and W W^T is formed, their
    Frobenius norms being equal.
    """
    return tf.add_n([_distance(tf.reshape(kernel, [-1, kernel.shape[-1]]), form) for kernel in kernels])


def _distance(w: tf.Tensor, form: OrthogonalForm) -> tf.Tensor:
    rest, out = w.shape
    gram = tf.matmul(w, w, transpose_a=out <= rest, transpose_b=out > rest)
    squared_norms = tf.reduce_sum(tf.square(w), 0)  # (out,)
    if form == "off_diagonal":
        return tf.reduce_sum(tf.square(gram)) - tf.reduce_sum(tf.square(squared_norms))
    return tf.reduce_sum(tf.square(gram)) - 2.0 * tf.reduce_sum(squared_norms) + out


def r1(gradient: tf.Tensor) -> tf.Tensor:
    """E |grad_x D(x, y)|^2 / 2 over real images (Mescheder et al. 2018; Brock et al. 2018, eq. 5, without gamma).

    gradient: (B,H,W,3), each image's own, that is of the sum of the logits. Differentiable by D's weights.
    """
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(gradient), [1, 2, 3]))
