"""Images from a generator, each a function of (seed, its number, its label) and of nothing else."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from sagan_tf import latents

_PURPOSE = 2


def default_batch_size(resolution: int) -> int:
    """Images a forward pass: 64 up to 64 px, a quarter as many for each doubling, so that memory stays level."""
    return max(1, 64 * 64**2 // max(64, resolution) ** 2)


class Sampler:
    """Draws uint8 images from a generator in inference mode.

    z of image i comes from the key (seed, i) alone, and every forward pass has the same batch size, the last one
    padded, so that image i doesn't depend on how many were asked for or in which order they are batched.
    """

    def __init__(
        self,
        generator: tf.keras.Model,
        *,
        z_dim: int,
        n_classes: int,
        resolution: int,
        latent: str = "normal",
        batch_size: int | None = None,
    ):
        self.z_dim = z_dim
        self.n_classes = n_classes
        self.resolution = resolution
        self.batch_size = batch_size or default_batch_size(resolution)
        draw = latents.prior(latent)

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
