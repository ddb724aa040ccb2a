"""The convolution and its transpose, in the form that is fastest for the shapes at hand."""

import tensorflow as tf

from sagan_tf.layers import im2col
from sagan_tf.layers.shapes import lengths

# On CPU, products of matrices (layers/im2col.py) were measured 1.1 to 7 times as fast as the library's convolutions,
# or their kernel gradients, for maps of up to this side (the larger of input and output) and such kernels (I times O).
SMALL_SIDE = 16
LARGE_KERNEL = 512 * 512


def convolution(x: tf.Tensor, kernel: tf.Tensor, stride: int = 1) -> tf.Tensor:
    """SAME convolution: x (B,H,W,I), kernel (k,k,I,O) -> (B,H/stride,W/stride,O)."""
    size = kernel.shape[0]
    if size == 1 or not _products_pay(x.shape[1], kernel):
        return tf.nn.conv2d(x, kernel, stride, "SAME")
    return im2col.strided(x, kernel) if (size, stride) == (4, 2) else _with_unfolded_gradient(x, kernel)


def transposed_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Transpose of the SAME convolution of stride 2: x (B,H,W,I) -> (B,2H,2W,O), its kernel by `transposed_layout`."""
    batch, height, width, _ = lengths(x)
    if _products_pay(_doubled(x.shape[1]), kernel):
        return im2col.transposed(x, kernel)
    return tf.nn.conv2d_transpose(x, kernel, [batch, 2 * height, 2 * width, kernel.shape[2]], 2, "SAME")


def transposed_layout(kernel: tf.Tensor, height: int | None) -> tf.Tensor:
    """A kernel (k,k,I,O) for a transposed convolution of maps of this height: the library wants (k,k,O,I)."""
    return kernel if _products_pay(_doubled(height), kernel) else tf.transpose(kernel, [0, 1, 3, 2])


def _doubled(side: int | None) -> int | None:
    return None if side is None else 2 * side


@tf.custom_gradient
def _with_unfolded_gradient(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The library's convolution, but for its kernel's gradient."""

    def gradients(d_out):
        d_x = tf.nn.conv2d_transpose(d_out, kernel, tf.shape(x), 1, "SAME")
        return tf.ensure_shape(d_x, x.shape), im2col.kernel_gradient(x, d_out, kernel.shape[0])

    return tf.nn.conv2d(x, kernel, 1, "SAME"), gradients


def _products_pay(side: int | None, kernel: tf.Tensor) -> bool:
    """Whether products are faster for maps of this side; not for a side that is unknown while tracing."""
    if side is None:
        return False
    return side <= SMALL_SIDE and kernel.shape[2] * kernel.shape[3] >= LARGE_KERNEL and _on_cpu()


def _on_cpu() -> bool:
    return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))
