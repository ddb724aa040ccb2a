"""Random transformations of images: color, translation, cutout, horizontal flips and quarter turns.

Each is a pure function of images x (B,R,R,3) in [-1,1] and of independent uniform numbers u (B,n) in (0,1), one row per
image, and is differentiable with respect to x. Shapes are static and there are no gathers, so that XLA compiles them on
all devices.

Ranges are those of DiffAugment (Zhao et al. 2020, section 4, and its code, which agree), those of flips and turns are
ADA's (Karras et al. 2020, appendix B). Results of the color transformations may leave [-1,1], as in both codes.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

_SHIFT, _CUT = 1 / 8, 1 / 2  # of the image's side: the largest translation, and the side of the square cut out


def brightness(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Adds one number from U(-0.5, 0.5) to all pixels and channels of an image. u: (B,1)."""
    return x + (_each(u) - 0.5)


def saturation(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Multiplies each pixel's distance from its gray value, the mean of its channels, by U(0, 2). u: (B,1)."""
    gray = tf.reduce_mean(x, -1, keepdims=True)
    return (x - gray) * (2.0 * _each(u)) + gray


def contrast(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Multiplies the distance from the image's mean over pixels and channels by U(0.5, 1.5). u: (B,1)."""
    mean = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    return (x - mean) * (_each(u) + 0.5) + mean


def translation(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Shifts down and to the right by whole pixels, uniform in [-s, s], s = R / 8 rounded; zeros move in. u: (B,2).

    Zero is mid-gray in [-1,1], as in DiffAugment's code for CIFAR and StyleGAN2. ADA reflects the image at its edges.
    """
    most = _rounded(x.shape[1] * _SHIFT)
    shifts = _integer(u, 2 * most + 1) - most  # (B,2)
    for axis in (1, 2):
        x = _shifted(x, shifts[:, axis - 1], axis, most)
    return x


def _shifted(x: tf.Tensor, shift: tf.Tensor, axis: int, most: int) -> tf.Tensor:
    """Each image shifted along an axis by its own `shift` (B,) in [-most, most], with zeros moving in.

    Row i of the result is row i + most - shift of the padded image. That offset is taken in powers of two, each of
    which keeps one end of the image or the other: a choice between two slices, where a gather would need a scatter for
    its gradient.
    """
    bits = (2 * most).bit_length()
    size, spare = x.shape[axis], (1 << bits) - 1
    padding = [[0, 0]] * 4
    padding[axis] = [most, spare - most]
    x, offset = tf.pad(x, padding), most - shift
    for bit in reversed(range(bits)):
        spare -= 1 << bit
        far, near = (_part(x, axis, start, size + spare) for start in (1 << bit, 0))
        x = tf.where(_each(tf.bitwise.bitwise_and(offset, 1 << bit)) > 0, far, near)
    return x


def _part(x: tf.Tensor, axis: int, start: int, size: int) -> tf.Tensor:
    """The rows or columns of images from `start` on. (The gradient of `tf.slice` under XLA has no gradient of its own,
    which R1 needs.)"""
    return x[:, start : start + size] if axis == 1 else x[:, :, start : start + size]


def cutout(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Sets a square of side R / 2 to zero. u: (B,2).

    Its center is uniform over the image, whose edges may cut it off: over the R + 1 lines between pixels if the side is
    even, and over the R pixels if it is odd, as in DiffAugment's code. (In ADA's code the center is continuous.)
    """
    size, at = x.shape[1], tf.range(x.shape[1])
    side = _rounded(size * _CUT)
    first = _integer(u, size + (1 - side % 2)) - side // 2  # (B,2)
    inside = (at >= first[..., None]) & (at < first[..., None] + side)  # (B,2,R)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :]
    return tf.where(hole[..., None], tf.zeros_like(x), x)


def flip(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Mirrors left and right with probability 1/2. u: (B,1)."""
    return tf.where(_each(u) < 0.5, tf.reverse(x, [2]), x)


def quarter_turn(x: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
    """Turns counterclockwise by 0, 90, 180 or 270 degrees, each with probability 1/4. u: (B,1)."""
    turns = _each(_integer(u, 4))
    x = tf.where(turns % 2 == 1, tf.reverse(tf.transpose(x, [0, 2, 1, 3]), [1]), x)
    return tf.where(turns >= 2, tf.reverse(x, [1, 2]), x)


class Transformation(NamedTuple):
    """A transformation and how many uniform numbers an image's own takes."""

    apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    numbers: int


TRANSFORMATIONS = {
    "brightness": Transformation(brightness, 1),
    "saturation": Transformation(saturation, 1),
    "contrast": Transformation(contrast, 1),
    "translation": Transformation(translation, 2),
    "cutout": Transformation(cutout, 2),
    "flip": Transformation(flip, 1),
    "quarter_turn": Transformation(quarter_turn, 1),
}
GROUPS = {"color": ("brightness", "saturation", "contrast")}  # in the order of DiffAugment's code


def _each(values: tf.Tensor) -> tf.Tensor:
    """One value per image, (B,) or (B,1), to be broadcast over it: (B,1,1,1)."""
    return tf.reshape(values, [-1, 1, 1, 1])


def _integer(u: tf.Tensor, n: int) -> tf.Tensor:
    """Uniform integers in [0, n) from uniform numbers, int32."""
    return tf.minimum(tf.cast(u * n, tf.int32), n - 1)


def _rounded(size: float) -> int:
    return int(size + 0.5)
