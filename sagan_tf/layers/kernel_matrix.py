"""Conversion of a kernel to the matrix whose largest singular value is its spectral norm, and back."""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

# The order of a kernel's last two axes. Class tables are (out,in), since their rows count as outputs in SNGAN, SAGAN
# and BigGAN-PyTorch. Kernels of Keras' transposed convolutions are (k,k,out,in).
Layout = Literal["in_out", "out_in"]


def as_matrix(kernel: tf.Tensor, layout: Layout = "in_out") -> tf.Tensor:
    """Reshapes a kernel (...,I,O), or (...,O,I), to a matrix (rest,O)."""
    kernel = tf.linalg.matrix_transpose(kernel) if layout == "out_in" else kernel
    return tf.reshape(kernel, [-1, kernel.shape[-1]])


def as_kernel(matrix: tf.Tensor, shape: Sequence[int], layout: Layout = "in_out") -> tf.Tensor:
    """The inverse of `as_matrix`: reshapes a matrix (rest,O) to a kernel's shape."""
    if layout == "in_out":
        return tf.reshape(matrix, shape)
    *area, outputs, inputs = shape
    return tf.linalg.matrix_transpose(tf.reshape(matrix, [*area, inputs, outputs]))
