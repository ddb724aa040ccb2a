"""The convolution and its transpose, by the algorithm that is fastest for their shapes."""

import math
from collections.abc import Sequence

import tensorflow as tf

from sagan_tf.layers import im2col
from sagan_tf.layers.platform_algorithms import platform_algorithms
from sagan_tf.layers.shapes import lengths

# On a CPU, matrix products (layers/im2col.py) were measured to be 1.1 to 7 times as fast as TensorFlow's convolutions
# or their kernel gradients for maps of up to this side (the larger of input and output) and kernels with at least so
# many entries per tap (I times O).
SMALL_SIDE = 16
LARGE_KERNEL = 512 * 512

Sides = Sequence[int | None]  # height and width of a map, None if unknown while tracing


def convolution(x: tf.Tensor, kernel: tf.Tensor, stride: int = 1) -> tf.Tensor:
    """SAME convolution: x (B,H,W,I), kernel (k,k,I,O) -> (B,H/stride,W/stride,O)."""
    size, sides = kernel.shape[0], x.shape.with_rank(4)[1:3]
    if size > 1 and _im2col_is_faster(sides, kernel):
        if stride == 1:
            return _with_im2col_gradient(x, kernel)
        if (size, stride) == (4, 2) and not any(side % 2 for side in sides):
            return im2col.strided(x, kernel)
    return tf.nn.conv2d(x, kernel, stride, "SAME")


def transposed_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Transpose of the SAME convolution of stride 2: x (B,H,W,I) -> (B,2H,2W,O).

    The kernel must be laid out by `transposed_layout`, for maps of any size: the size that it names decides about the
    speed alone.
    """
    batch, height, width, _ = lengths(x)
    if kernel.shape.rank == 3:
        size = math.isqrt(kernel.shape[0])
        kernel = tf.reshape(kernel, [size, size, *kernel.shape[1:]])
        if _im2col_is_faster(_doubled(x.shape[1:3]), kernel):
            return im2col.transposed(x, kernel)
        kernel = tf.transpose(kernel, [0, 1, 3, 2])
    return tf.nn.conv2d_transpose(x, kernel, [batch, 2 * height, 2 * width, kernel.shape[2]], 2, "SAME")


def transposed_layout(kernel: tf.Tensor, sides: Sides) -> tf.Tensor:
    """Lays out a kernel (k,k,I,O) for the transposed convolution of maps of these sides.

    It becomes (k*k,I,O) for matrix products, and (k,k,O,I) for TensorFlow's own.
    """
    if _im2col_is_faster(_doubled(sides), kernel):
        return tf.reshape(kernel, [-1, *kernel.shape[2:]])
    return tf.transpose(kernel, [0, 1, 3, 2])


def _doubled(sides: Sides) -> Sides:
    return [None if side is None else 2 * side for side in sides]


@tf.custom_gradient
def _with_im2col_gradient(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """TensorFlow's convolution of stride 1, with a kernel gradient by matrix products."""

    def gradients(d_out):
        d_x = tf.nn.conv2d_transpose(d_out, kernel, tf.shape(x), 1, "SAME")
        return tf.ensure_shape(d_x, x.shape), im2col.kernel_gradient(x, d_out, kernel.shape[0])

    return tf.nn.conv2d(x, kernel, 1, "SAME"), gradients


def _im2col_is_faster(sides: Sides, kernel: tf.Tensor) -> bool:
    """Whether matrix products are faster for maps of these sides. Unknown sides (while tracing) count as no."""
    if None in sides:
        return False
    small, large = max(sides) <= SMALL_SIDE, kernel.shape[2] * kernel.shape[3] >= LARGE_KERNEL
    return small and large and platform_algorithms().matrix_products
