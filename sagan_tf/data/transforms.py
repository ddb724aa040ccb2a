"""From an image of any size to the networks' input: crop, resize, flip and scale, as in the papers and their code."""

import dataclasses
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.option_names import CropMethod
from sagan_tf.foundation.pixels import levels, normalized

Crop = Literal["center", "random"]
_ROUND_TRIP = levels(normalized(np.arange(256))).astype(np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transform:
    """How images become the networks' input.

    All sources crop a square whose side is the short edge. They differ in the rest:

      method    crop offset along the long edge   resampling to R x R               rounding to 8 bits
      biggan    floor((long - short) / 2)         area (Brock et al. 2019, 4)       nearest
      sagan     round((long - short) / 2)         antialiased bilinear              nearest, then truncated
      sngan     center 256 x 256 of the image     antialiased bilinear, twice       nearest
                resized to a short side of 256

    "sagan" follows the converter of the released code: it resizes to bytes, maps them to [-1, 1] in double precision
    and back, and truncates, which lowers some bytes by one. "sngan" leaves out two steps of its converter: the JPEG
    compression (quality 95) between the two resizes, and the filter of small images, which is an option of the source
    (`ImageFolder.min_short_edge`). "biggan", the default, follows the paper's text; BigGAN's released PyTorch code
    resamples bilinearly. Every method is antialiased. An image that already has the target size is not changed, so that
    prepared data are not resampled again.

    Attributes:
      method: one of the above.
      crop: "center", or "random" for a random position along the long edge at each visit.
      flip: flip images horizontally with probability 1/2 at each visit. No paper mentions flips, so the default is off.
      dequantize: map byte x to (x + u) / 128 - 1 with u uniform in [0, 1) (SNGAN), instead of x / 127.5 - 1. For
        evaluation u is 1/2, the middle of what stands for the byte in training.
    """

    method: CropMethod = "biggan"
    crop: Crop = "center"
    flip: bool = False
    dequantize: bool = False

    def __post_init__(self):
        for name, options in (("method", get_args(CropMethod)), ("crop", get_args(Crop))):
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
        """Crops and resizes an image: uint8 (h, w, 3) -> uint8 (R, R, 3). `noise` in [0, 1) positions a random crop."""
        if image.shape == (resolution, resolution, 3):
            return image
        height, width = tf.unstack(tf.shape(image)[:2])
        untouched = tf.logical_and(tf.equal(height, resolution), tf.equal(width, resolution))
        image = tf.cond(untouched, lambda: image, lambda: self._crop_and_resize(image, resolution, noise))
        return tf.ensure_shape(image, (resolution, resolution, 3))

    def _crop_and_resize(self, image: tf.Tensor, resolution: int, noise: tf.Tensor | None) -> tf.Tensor:
        if self.method == "sngan":
            image = _to_bytes(_center(_short_side(_middle(image), 256), 256))
        position = noise if self.crop == "random" else None
        image = _square(image, "round" if self.method == "sagan" else "floor", position)
        if self.method == "biggan":
            return _to_bytes(tf.image.resize(image, (resolution, resolution), method="area"))
        image = _to_bytes(tf.image.resize(image, (resolution, resolution), method="bilinear", antialias=True))
        return tf.gather(_ROUND_TRIP, tf.cast(image, tf.int32)) if self.method == "sagan" else image

    def without_randomness(self) -> "Transform":
        """The same transform for evaluation: centered crops, no flips."""
        return dataclasses.replace(self, crop="center", flip=False)

    def scaled(self, images: tf.Tensor, noise: tf.Tensor | None = None) -> tf.Tensor:
        """Scales images: uint8 (...) -> float32 (...) in [-1, 1]. `noise` in [0, 1), of the same shape, dequantizes."""
        images = tf.cast(images, tf.float32)
        if not self.dequantize:
            return normalized(images)
        return (images + (0.5 if noise is None else noise)) / 128.0 - 1.0


def _to_bytes(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(tf.clip_by_value(tf.cast(image, tf.float32), 0.0, 255.0)), tf.uint8)


def _square(image: tf.Tensor, rounding: str, position: tf.Tensor | None) -> tf.Tensor:
    """The largest square: in the middle, or at `position` in [0, 1) along the long edge."""
    shape = tf.shape(image)
    side = tf.minimum(shape[0], shape[1])
    spare = shape[:2] - side  # one of them is 0
    if position is not None:
        start = tf.cast(tf.floor(position * tf.cast(spare + 1, tf.float32)), tf.int32)
    else:
        start = tf.cast(tf.round(spare / 2), tf.int32) if rounding == "round" else spare // 2
    return image[start[0] : start[0] + side, start[1] : start[1] + side]


def _short_side(image: tf.Tensor, side: int) -> tf.Tensor:
    """Antialiased bilinear resize to a short side of `side`, keeping proportions."""
    shape = tf.shape(image)
    short = tf.minimum(shape[0], shape[1])
    size = tf.cast(tf.round(tf.cast(shape[:2], tf.float64) * side / tf.cast(short, tf.float64)), tf.int32)
    return tf.image.resize(image, size, method="bilinear", antialias=True)


def _middle(image: tf.Tensor) -> tf.Tensor:
    """The middle of a strip more than 64 times as long as wide, so that enlarging it doesn't fill the memory."""
    shape = tf.shape(image)[:2]
    cut = tf.maximum(shape - 64 * tf.reduce_min(shape), 0) // 2
    return image[cut[0] : shape[0] - cut[0], cut[1] : shape[1] - cut[1]]


def _center(image: tf.Tensor, side: int) -> tf.Tensor:
    start = (tf.shape(image)[:2] - side) // 2
    return image[start[0] : start[0] + side, start[1] : start[1] + side]
