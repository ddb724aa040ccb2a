"""From an image of any size to the network's input: crop, resize, flip, scale, as the papers and their code did."""

import dataclasses
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.pixels import levels, normalized

Method = Literal["biggan", "sagan", "sngan"]
Crop = Literal["center", "random"]
_ROUND_TRIP = levels(normalized(np.arange(256))).astype(np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transform:
    """How images become the networks' input.

    The sources agree on a square crop whose side is the short edge, and on little else:

      method    crop offset along the long edge   resampling to R x R               rounding to 8 bits
      biggan    floor((long - short) / 2)         area (Brock et al. 2019, 4)       nearest
      sagan     round((long - short) / 2)         antialiased bilinear              nearest, then truncated
      sngan     center 256 x 256 of the image     antialiased bilinear, twice       nearest
                resized to a short side of 256

    "sagan" is the released code's converter: imresize to bytes, to [-1, 1] in double precision and back, and truncated
    there, which lowers some bytes by one. "sngan" leaves out the converter's JPEG step (quality 95) between its two
    resizes, and the filter of small images, which is the source's (`ImageFolder.min_short_edge`). BigGAN's released
    PyTorch code resamples bilinearly and nobody's code by area; BigGAN's text is followed, as the default. Every method
    is antialiased. An image that has the target size already passes untouched, so that a set that was prepared once is
    not resampled again.

    Attributes:
      method: one of the above.
      crop: "center", or "random": the square lies anywhere along the long edge, drawn anew for each visit.
      flip: mirror half of the images, drawn anew for each visit. No paper says it flips; off.
      dequantize: map byte x to (x + u) / 128 - 1 with u uniform in [0, 1) (SNGAN), instead of x / 127.5 - 1.
    """

    method: Method = "biggan"
    crop: Crop = "center"
    flip: bool = False
    dequantize: bool = False

    def __post_init__(self):
        for name, options in (("method", get_args(Method)), ("crop", get_args(Crop))):
            check_choice("Transform", name, getattr(self, name), options)
        for name in ("flip", "dequantize"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"Transform.{name} must be True or False; received {name}={getattr(self, name)!r}.")
        if self.crop == "random" and self.method == "sngan":
            raise ValueError(
                "Transform.crop must be 'center' with method='sngan', which crops 256 x 256 in the "
                "middle; received crop='random'. Use method='biggan' or 'sagan'."
            )

    def resized(self, image: tf.Tensor, resolution: int, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Crop and resize: uint8 (h, w, 3) -> uint8 (R, R, 3). `noise` in [0, 1) places a random crop."""
        if image.shape == (resolution, resolution, 3):
            return image
        height, width = tf.unstack(tf.shape(image)[:2])
        untouched = tf.logical_and(tf.equal(height, resolution), tf.equal(width, resolution))
        image = tf.cond(untouched, lambda: image, lambda: self._crop_and_resize(image, resolution, noise))
        return tf.ensure_shape(image, (resolution, resolution, 3))

    def _crop_and_resize(self, image: tf.Tensor, resolution: int, noise: tf.Tensor | None) -> tf.Tensor:
        if self.method == "sngan":
            image = _to_bytes(_center(_short_side(image, 256), 256))
        place = noise if self.crop == "random" else None
        image = _square(image, "round" if self.method == "sagan" else "floor", place)
        if self.method == "biggan":
            return _to_bytes(tf.image.resize(image, (resolution, resolution), method="area"))
        image = _to_bytes(tf.image.resize(image, (resolution, resolution), method="bilinear", antialias=True))
        return tf.gather(_ROUND_TRIP, tf.cast(image, tf.int32)) if self.method == "sagan" else image

    def without_randomness(self) -> "Transform":
        """The same pictures for evaluation: centered, not mirrored, no noise."""
        return dataclasses.replace(self, crop="center", flip=False)

    def scaled(self, images: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """uint8 (...) -> float32 (...) in [-1, 1]. `noise` in [0, 1), of the same shape, dequantizes."""
        images = tf.cast(images, tf.float32)
        if not self.dequantize:
            return normalized(images)
        return (images + (0.5 if noise is None else noise)) / 128.0 - 1.0


def _to_bytes(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(tf.clip_by_value(tf.cast(image, tf.float32), 0.0, 255.0)), tf.uint8)


def _square(image: tf.Tensor, rounding: str, place: tf.Tensor | None) -> tf.Tensor:
    """The square along the long edge: in the middle, or at `place` in [0, 1)."""
    shape = tf.shape(image)
    side = tf.minimum(shape[0], shape[1])
    spare = shape[:2] - side  # one of the two is 0
    if place is not None:
        start = tf.cast(tf.floor(place * tf.cast(spare + 1, tf.float32)), tf.int32)
    else:
        start = tf.cast(tf.round(spare / 2), tf.int32) if rounding == "round" else spare // 2
    return image[start[0] : start[0] + side, start[1] : start[1] + side]


def _short_side(image: tf.Tensor, side: int) -> tf.Tensor:
    """Antialiased bilinear resize to a short side of `side`, proportions kept."""
    shape = tf.shape(image)
    short = tf.minimum(shape[0], shape[1])
    size = tf.cast(tf.round(tf.cast(shape[:2], tf.float64) * side / tf.cast(short, tf.float64)), tf.int32)
    return tf.image.resize(image, size, method="bilinear", antialias=True)


def _center(image: tf.Tensor, side: int) -> tf.Tensor:
    start = (tf.shape(image)[:2] - side) // 2
    return image[start[0] : start[0] + side, start[1] : start[1] + side]
