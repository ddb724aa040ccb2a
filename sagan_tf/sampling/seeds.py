"""The seed of an image and its z, as sampling and serving both define them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.foundation.integers import is_integer

_IMAGES_PER_SEED = 1 << 32
SEEDS = 1 << 31  # of image sets: 0 to SEEDS - 1


def image_seeds(seed: int, count: int) -> np.ndarray:
    """The seeds (count,) int64 of the images 0, 1, ... of an image set: seed * 2^32 + i, so that sets never overlap.

    Raises:
      ValueError: if seed is not an integer in [0, 2^31).
    """
    check_seed(seed)
    return int(seed) * _IMAGES_PER_SEED + np.arange(count, dtype=np.int64)


def checked_seeds(seeds: Sequence[int]) -> np.ndarray:
    """Seeds of images as int64 (N,). Floating-point numbers are accepted as far as they hold every integer, to 2^53.

    Raises:
      ValueError: for anything but integers from -2^63 to 2^63 - 1, one after another.
    """
    found = np.asarray(seeds)
    kind = found.dtype.kind
    integers = kind == "i" or (kind == "u" and found.max(initial=0) < 1 << 63)
    if kind == "f":
        integers = bool((np.abs(found) <= 1 << 53).all() and (found == np.floor(found)).all())
    if found.ndim != 1 or not (integers or not found.size):
        raise ValueError(
            "seeds of images must be integers (N,) from -2^63 to 2^63 - 1; received "
            f"seeds={np.array2string(found, threshold=4, edgeitems=2)}."
        )
    return found.astype(np.int64)


def check_seed(seed: int) -> None:
    """Raises ValueError for a seed of an image set that is not an integer in [0, 2^31)."""
    if not is_integer(seed, 0, SEEDS - 1):
        raise ValueError(f"seed must be in [0, 2^31); received seed={seed!r}.")


@dataclass(frozen=True, kw_only=True)
class SeededLatents:
    """The z of images, each of which depends on its own seed only and not on the rest of the batch.

    latent: the name of the prior. mode: of truncation ("resampled", "scaled_truncated" or "scaled"); None for no
      truncation.

    Raises:
      ValueError: for an unknown latent or mode, or truncation of a prior that is not normal.
    """

    z_dim: int
    latent: str = "normal"
    mode: str | None = None

    def __post_init__(self):
        latents.prior(self.latent)
        if self.mode is None:
            return
        if self.latent not in latents.NORMAL:
            raise ValueError(
                f"truncation must be of a normal prior; this run's is latent={self.latent!r}. Leave it out."
            )
        latents.truncated(self.mode, [1], latents.key(0, 0, 0), 1.0)

    def __call__(self, seeds: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
        """Shapes: seeds (B,) int64, thresholds (B,) float32, positive (ignored without a mode) -> z (B,z_dim).

        It is drawn on the CPU, whatever the generator runs on: a GPU would get small kernels for every single image,
        each of which waits for its seed, and would round the normal distribution differently.
        """

        def one(arguments):
            seed, threshold = arguments
            key = latents.key(0, latents.Purpose.IMAGE_Z, seed)
            if self.mode is None:
                return latents.prior(self.latent)([self.z_dim], key)
            return latents.TRUNCATIONS[self.mode]([self.z_dim], key, threshold)

        with tf.device("CPU:0"):
            return tf.map_fn(one, (seeds, thresholds), fn_output_signature=tf.TensorSpec([self.z_dim], tf.float32))
