"""A kernel as the matrix whose largest singular value is its spectral norm, and back."""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

# The order of a kernel's last two axes. Tables of classes are (out,in): their rows count as outputs, as in SNGAN, SAGAN
# and BigGAN-PyTorch. Kernels of Keras' transposed convolutions are (k,k,out,in).
Layout = Literal["in_out", "out_in"]


def as_matrix(kernel: tf.Tensor, layout: Layout = "in_out") -> tf.Tensor:
    """A kernel (...,I,O), or (...,O,I), as a matrix (rest,O)."""
    kernel = tf.linalg.matrix_transpose(kernel) if layout == "out_in" else kernel
    return tf.reshape(kernel, [-1, kernel.shape[-1]])


def as_kernel(matrix: tf.Tensor, shape: Sequence[int], layout: Layout = "in_out") -> tf.Tensor:
    """The inverse of `as_matrix`: a matrix (rest,O) in a kernel's shape."""
    if layout == "in_out":
        return tf.reshape(matrix, shape)
    *area, outputs, inputs = shape
    return tf.linalg.matrix_transpose(tf.reshape(matrix, [*area, inputs, outputs]))
