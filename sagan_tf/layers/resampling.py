"""Nearest-neighbor x2, average /2, and the 3x3 convolutions next to them in plain and fused forms.

Each pair equals one 4x4 convolution of stride 2 exactly (borders included), with 1/2.25 of the multiplications:
  "nearest x2, then 3x3"   = a transposed convolution with the kernel U K U^T,
  "3x3, then 2x2 average"  = a convolution with the kernel D K D^T,
where K is the 3x3 kernel, U and D the 4x3 matrices below. The stored kernel is always the 3x3.
"""

from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.layers.convolution import convolution, transposed_convolution, transposed_layout
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.platform_algorithms import platform_algorithms
from sagan_tf.layers.serialization import register
from sagan_tf.layers.shapes import lengths

ConvolutionForm = Literal["auto", "plain", "fused"]

_UP = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))
_DOWN = ((0.5, 0.0, 0.0), (0.5, 0.5, 0.0), (0.0, 0.5, 0.5), (0.0, 0.0, 0.5))

# Low-resolution sides at which the fused form was measured to be faster, forward and backward (two CPU cores).
FUSED_SIDES = (4, 8, 16, 32, 64)


@tf.custom_gradient
def upsample(x: tf.Tensor) -> tf.Tensor:
    """Nearest-neighbor x2: (B,H,W,C) -> (B,2H,2W,C), without a resize, whose gradient has no XLA kernel.

    On accelerators one axis is repeated after the other (layers/platform_algorithms.py). On the CPU, pixels and then
    rows are concatenated with themselves, which takes a fraction of the time of broadcasting. The result is the same.
    The gradient, a sum over 2x2, is computed as four times the average, which is exact and takes a tenth of the time of
    the gradient of broadcasting.
    """

    def gradient(d_out: tf.Tensor) -> tf.Tensor:
        return 4 * downsample(d_out)

    if platform_algorithms().upsampling_by_axes:
        return tf.repeat(tf.repeat(x, 2, axis=2), 2, axis=1), gradient
    _, height, width, channels = lengths(x)
    pixels = tf.reshape(tf.concat([x, x], -1), [-1, height, 2 * width * channels])
    rows = tf.concat([pixels, pixels], -1)  # (B,H,4*W*C)
    return tf.reshape(rows, [-1, 2 * height, 2 * width, channels]), gradient


def downsample(x: tf.Tensor) -> tf.Tensor:
    """2x2 average, stride 2: (B,2H,2W,C) -> (B,H,W,C)."""
    return tf.nn.avg_pool2d(x, 2, 2, "VALID")


def fused_kernel(kernel: tf.Tensor, matrix: tuple[tuple[float, ...], ...]) -> tf.Tensor:
    """M K M^T over the two spatial axes, as one product with the 16x9 matrix M (x) M.

    Shapes: (3,3,I,O) -> (4,4,I,O), or (9,I,O) -> (16,I,O).
    """
    *taps, inputs, outputs = kernel.shape
    both = tf.constant(np.kron(matrix, matrix), kernel.dtype)
    size = [16] if len(taps) == 1 else [4, 4]
    return tf.reshape(tf.matmul(both, tf.reshape(kernel, [9, -1])), [*size, inputs, outputs])


class ResamplingConv2D(Conv2D):
    """Base class of 3x3 convolutions next to a resampling.

    form: the algorithm, "plain" or "fused", or "auto" to choose by the size of the map; the results are equal.

    The applied kernel is 3x3 in the plain and 4x4 (or 16) in the fused form, by which `product` distinguishes them.

    Raises:
      ValueError: for an unknown form.
    """

    fused_sides: tuple[int, ...] = ()

    def __init__(self, channels: int, *, form: ConvolutionForm = "auto", **kwargs):
        super().__init__(channels, 3, **kwargs)
        check_choice(type(self).__name__, "form", form, get_args(ConvolutionForm))
        self.form = form

    def build(self, input_shape):
        super().build(input_shape)
        self.sides = tuple(input_shape[1:3])
        self.fused = self.form == "fused" or (self.form == "auto" and self.sides[0] in self.fused_sides)

    def get_config(self):
        config = {**super().get_config(), "form": self.form}
        del config["size"]  # always 3
        return config


@register
class UpsampleConv2D(ResamplingConv2D):
    """Nearest x2, then 3x3: (B,H,W,I) -> (B,2H,2W,channels)."""

    fused_sides = FUSED_SIDES

    def applied(self, kernel, dtype):
        return tf.cast(fused_kernel(transposed_layout(kernel, self.sides), _UP) if self.fused else kernel, dtype)

    @staticmethod
    def product(inputs, applied):
        if applied.shape[0] == 3:
            return Conv2D.product(upsample(inputs), applied)
        return transposed_convolution(inputs, applied)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.channels)


@register
class ConvDownsample2D(ResamplingConv2D):
    """3x3, then 2x2 average: (B,2H,2W,I) -> (B,H,W,channels). An odd last row or column has no average."""

    fused_sides = tuple(2 * side for side in FUSED_SIDES)

    def applied(self, kernel, dtype):
        return tf.cast(fused_kernel(kernel, _DOWN) if self.fused else kernel, dtype)

    @staticmethod
    def product(inputs, applied):
        if applied.shape[0] == 3:
            return downsample(Conv2D.product(inputs, applied))
        averages = convolution(inputs, applied, stride=2)
        if any(side is None or side % 2 for side in inputs.shape[1:3]):
            _, height, width, _ = lengths(inputs)
            return averages[:, : height // 2, : width // 2]  # "SAME" adds one that lies partly outside of an odd side
        return averages

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height and height // 2, width and width // 2, self.channels)
