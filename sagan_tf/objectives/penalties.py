"""Penalties added to the adversarial loss: orthogonal regularization of G, and R1 on D."""

from collections.abc import Iterable
from typing import Literal

import tensorflow as tf

OrthogonalForm = Literal["off_diagonal", "identity"]


def orthogonal(kernels: Iterable[tf.Tensor], form: OrthogonalForm = "off_diagonal") -> tf.Tensor:
    """The deviation of the kernels' filters from orthogonality: the sum over kernels of a squared Frobenius norm, a
    scalar.

    W is a kernel as a matrix [rest, out]; W^T W is the Gram matrix of its filters.
    "off_diagonal": |W^T W * (1 - I)|^2, an elementwise product (Brock et al. 2018, eq. 3), leaves the norms of the
      filters free. "identity": |W^T W - I|^2 (eq. 2).

    BigGAN's strength is 1e-4 for eq. 3. (Unconfirmed: the number is BigGAN-PyTorch's, which adds half of this penalty's
    gradient, so that its strength s is s / 2 here.)

    The Gram matrix of the filters of G's first layer would have 24,576 rows. Only the smaller one of W^T W and W W^T is
    computed; their Frobenius norms are equal.
    """
    return tf.add_n([_distance(tf.reshape(kernel, [-1, kernel.shape[-1]]), form) for kernel in kernels])


def _distance(w: tf.Tensor, form: OrthogonalForm) -> tf.Tensor:
    """The penalty of one kernel: (rest,out) -> scalar."""
    squared_norms = tf.reduce_sum(tf.square(w), 0)  # (out,)
    if form == "off_diagonal":
        return squared_gram_norm(w) - tf.reduce_sum(tf.square(squared_norms))
    return squared_gram_norm(w) - 2.0 * tf.reduce_sum(squared_norms) + w.shape[1]


@tf.custom_gradient
def squared_gram_norm(w: tf.Tensor) -> tf.Tensor:
    """|W^T W|^2 = |W W^T|^2, the squared Frobenius norm of the smaller Gram matrix: (rest,out) -> scalar.

    Its gradient, 4 W W^T W, is one product with the symmetric Gram matrix. Automatic differentiation forms two equal
    ones, one for each factor of the Gram matrix, and adds them.
    """
    rest, out = w.shape
    gram = tf.matmul(w, w, transpose_a=out <= rest, transpose_b=out > rest)

    def gradient(d_out: tf.Tensor) -> tf.Tensor:
        scaled = gram * (4.0 * d_out)
        return tf.matmul(w, scaled) if out <= rest else tf.matmul(scaled, w)

    return tf.reduce_sum(tf.square(gram)), gradient


def r1(gradient: tf.Tensor) -> tf.Tensor:
    """E |grad_x D(x, y)|^2 / 2 over real images (Mescheder et al. 2018; Brock et al. 2018, eq. 5, without gamma).

    gradient: (B,H,W,3), the gradient of each image's logit with respect to that image, as the gradient of the sum of
      the logits gives it. The result, a scalar, is differentiable with respect to D's weights.

    In float16, the loss scale multiplies the gradient of the penalty, but not this inner gradient, which does not need
    it: for SAGAN's D at 128 px (width 16), |grad_x D| was 0.03 at the start, and R1 within 0.1% of float32's; so it
    was with logits 16 times smaller. With logits 256 times smaller it underflowed and R1 was off by 12%, but R1 is
    then 7e-9 and has no weight in the loss.
    """
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(gradient), [1, 2, 3]))
