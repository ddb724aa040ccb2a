"""Images from a generator, each a function of (seed, its number, its label) and of nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sagan_tf import latents

_PURPOSE = 2


def default_batch_size(resolution: int) -> int:
    """Images a forward pass: 64 up to 64 px, a quarter as many for each doubling, so that memory stays level."""
    return max(1, 64 * 64**2 // max(64, resolution) ** 2)


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """z cut short: less variety for better single images (Brock et al. 2018, section 3.1).

    threshold: positive; BigGAN's Fig. 2a has 2, 1.5, 1, 0.5 and 0.04. mode: "resampled" (the paper), "scaled_truncated"
      (DeepMind's published modules) or "scaled" (BigGAN-PyTorch); see latents.TRUNCATIONS.

    Raises:
      ValueError: for an unknown mode or a threshold that is not positive.
    """

    threshold: float
    mode: str = "resampled"

    def __post_init__(self):
        self([1], latents.key(0, 0, 0))

    def __call__(self, shape: list[int], key: tf.Tensor) -> tf.Tensor:
        return latents.truncated(self.mode, shape, key, self.threshold)


class Sampler:
    """Draws uint8 images from a generator in inference mode.

    z of image i comes from the key (seed, i) alone, and every forward pass has the same batch size, the last one
    padded, so that image i doesn't depend on how many were asked for or in which order they are batched.
    truncation: of a normal prior; None draws from the whole prior.

    Raises:
      ValueError: for an unknown latent, or truncation of one that is not normal.
    """

    def __init__(
        self,
        generator: tf.keras.Model,
        *,
        z_dim: int,
        n_classes: int,
        resolution: int,
        latent: str = "normal",
        truncation: Truncation | None = None,
        batch_size: int | None = None,
    ):
        self.z_dim = z_dim
        self.n_classes = n_classes
        self.resolution = resolution
        self.batch_size = batch_size or default_batch_size(resolution)
        if truncation is not None and latent not in ("normal", "annealed_normal"):
            raise ValueError(f"truncation must be of a normal prior; this run's is latent={latent!r}. Leave it out.")
        draw = truncation or latents.prior(latent)

        def z_of(key):
            return draw([z_dim], key)

        @tf.function
        def forward(keys, labels):
            z = tf.map_fn(z_of, keys, fn_output_signature=tf.TensorSpec([z_dim], tf.float32))
            images = generator(z, labels, training=False)
            return tf.cast(tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0)), tf.uint8)

        self._forward = forward

    def batches(self, labels: Sequence[int], *, seed: int = 0) -> Iterator[np.ndarray]:
        """uint8 images (b,R,R,3) in the order of `labels` (N,), the last batch partial.

        Raises:
          ValueError: if a label is out of range.
        """
        labels = check_labels(labels, self.n_classes)
        for start in range(0, len(labels), self.batch_size):
            part = labels[start : start + self.batch_size]
            padding = self.batch_size - len(part)
            numbers = np.arange(start, start + self.batch_size, dtype=np.int64)
            keys = np.stack([np.full_like(numbers, 256 * seed + _PURPOSE), numbers], axis=1)
            yield self._forward(tf.constant(keys), tf.constant(np.pad(part, (0, padding)))).numpy()[: len(part)]

    def images(self, labels: Sequence[int], *, seed: int = 0) -> np.ndarray:
        """All images at once: (N,R,R,3) uint8."""
        empty = np.zeros([0, self.resolution, self.resolution, 3], np.uint8)
        return np.concatenate([empty, *self.batches(labels, seed=seed)])


def check_labels(labels: Sequence[int], n_classes: int) -> np.ndarray:
    """Labels as int32 (N,), each in [0, n_classes)."""
    checked = np.asarray(labels, np.int64).reshape(-1)
    outside = checked[(checked < 0) | (checked >= n_classes)]
    if outside.size:
        raise ValueError(f"labels must be in [0, {n_classes}); received label={int(outside[0])}.")
    return checked.astype(np.int32)
