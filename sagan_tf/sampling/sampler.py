"""Images from a generator, each a function of its seed, its label and the truncation, and of nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.sampling.seeds import SeededLatents, image_seeds


def default_batch_size(resolution: int) -> int:
    """Images a forward pass: 64 up to 64 px, a quarter as many for each doubling, so that memory stays level."""
    return max(1, 64 * 64**2 // max(64, resolution) ** 2)


def to_pixels(images: tf.Tensor) -> tf.Tensor:
    """[-1,1] to the nearest of 0..255, uint8."""
    return tf.cast(tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0)), tf.uint8)


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
        latents.truncated(self.mode, [1], latents.key(0, 0, 0), self.threshold)


class Sampler:
    """Draws uint8 images from a generator in inference mode.

    z of an image comes from its own seed alone, and every forward pass on every replica has the same batch size, the
    last one padded, so that an image doesn't depend on how many were asked for, in which order they are batched, or
    on how many devices.
    generator: (z (B,z_dim), y (B,), training=False) -> images (B,R,R,3) in [-1,1].
    truncation: of a normal prior; None draws from the whole prior.
    batch_size: of one replica's pass. strategy: whose replicas share the work; the current one by default.

    Raises:
      ValueError: for an unknown latent, or truncation of one that is not normal.
    """

    def __init__(
        self,
        generator: Callable,
        *,
        z_dim: int,
        n_classes: int,
        resolution: int,
        latent: str = "normal",
        truncation: Truncation | None = None,
        batch_size: int | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.z_dim = z_dim
        self.n_classes = n_classes
        self.resolution = resolution
        self.truncation = truncation
        strategy = strategy or tf.distribute.get_strategy()
        per_replica = batch_size or default_batch_size(resolution)
        self.batch_size = per_replica * strategy.num_replicas_in_sync
        z_of = SeededLatents(z_dim=z_dim, latent=latent, mode=truncation.mode if truncation else None)

        def forward(seeds, labels, thresholds):
            def on_replica():
                first = tf.distribute.get_replica_context().replica_id_in_sync_group * per_replica
                own = [tf.reshape(x[first : first + per_replica], [per_replica]) for x in (seeds, labels, thresholds)]
                return to_pixels(generator(z_of(own[0], own[2]), own[1], training=False))

            return tf.concat(strategy.experimental_local_results(strategy.run(on_replica)), 0)

        shape = [self.batch_size]
        signature = [tf.TensorSpec(shape, kind) for kind in (tf.int64, tf.int32, tf.float32)]
        self._forward = tf.function(forward, input_signature=signature).get_concrete_function()

    def batches(self, labels: Sequence[int], *, seed: int = 0, start: int = 0) -> Iterator[np.ndarray]:
        """uint8 images (b,R,R,3) of the set `seed` in the order of `labels` (N,), from image `start` on.

        The last batch is partial. Image i is that of the seed `image_seeds(seed, N)[i]`.

        Raises:
          ValueError: if a label or the seed is out of range.
        """
        return self.of_seeds(image_seeds(seed, len(labels))[start:], labels[start:])

    def of_seeds(self, seeds: Sequence[int], labels: Sequence[int]) -> Iterator[np.ndarray]:
        """The same for one seed (int64) an image: seeds (N,), labels (N,).

        Raises:
          ValueError: if a label is out of range, or there are more or fewer of them than seeds.
        """
        labels, seeds = check_labels(labels, self.n_classes), np.asarray(seeds, np.int64)
        if seeds.shape != labels.shape:
            raise ValueError(f"seeds must be as many as labels; received {len(seeds)} seeds for {len(labels)} labels.")
        return self._padded(seeds, labels)

    def _padded(self, seeds: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
        thresholds = np.full(self.batch_size, self.truncation.threshold if self.truncation else 1.0, np.float32)
        for start in range(0, len(labels), self.batch_size):
            parts = [x[start : start + self.batch_size] for x in (seeds, labels)]
            filled = [tf.constant(np.pad(x, (0, self.batch_size - len(x)))) for x in parts]
            yield self._forward(*filled, tf.constant(thresholds)).numpy()[: len(parts[0])]

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
