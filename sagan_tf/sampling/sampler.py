"""Draws images from a generator, each a function of its seed, its label and the truncation only.

Shapes: N images in all, B per forward pass, R x R pixels.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.pixels import levels
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.sampling.labels import check_labels
from sagan_tf.sampling.seeds import SeededLatents, checked_seeds, image_seeds


def default_batch_size(resolution: int) -> int:
    """Images per forward pass: 64 up to 64 px, and a quarter for each doubling, so that memory stays constant."""
    return max(1, 64 * 64**2 // max(64, resolution) ** 2)


SMALL_BATCHES = (1, 4, 16)


def pass_sizes(full: int) -> tuple[int, ...]:
    """The batch sizes for partial batches, ascending: those of SMALL_BATCHES that are smaller than `full`, and `full`.

    The rest of a request is drawn with the smallest one that holds it, so that one image costs only as much as one
    image.
    """
    return (*(size for size in SMALL_BATCHES if size < full), full)


def to_pixels(images: tf.Tensor) -> tf.Tensor:
    """Images (...) in [-1,1] to the nearest levels 0..255, uint8 of the same shape."""
    return tf.cast(tf.round(tf.clip_by_value(levels(images), 0.0, 255.0)), tf.uint8)


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """Truncation of z, which trades variety for the quality of single images (Brock et al. 2018, section 3.1).

    threshold: positive; BigGAN's Fig. 2a has 2, 1.5, 1, 0.5 and 0.04. mode: "resampled" (the paper), "scaled_truncated"
      (DeepMind's published modules) or "scaled" (BigGAN-PyTorch); see latents.TRUNCATIONS.

    Raises:
      ValueError: for an unknown mode or a threshold that is not positive.
    """

    threshold: float
    mode: str = "resampled"

    def __post_init__(self):
        store_plain_numbers(self)
        _check_truncation(self.mode, self.threshold)
        object.__setattr__(self, "threshold", float(self.threshold))  # TensorFlow would make integers of a whole one


@functools.lru_cache(maxsize=None, typed=True)  # True is no threshold, though it is equal to 1
def _check_truncation(mode: str, threshold: float) -> None:
    """Cached, since for a single image the check would take longer than drawing the image."""
    # Options are read before the strategy is made, until when TensorFlow must not start.
    with tf.Graph().as_default():
        latents.truncated(mode, [1], latents.key(0, 0, 0), threshold)


class Sampler:
    """Draws uint8 images from a generator in inference mode.

    The z of an image depends on its own seed only, and every forward pass on every replica has the same batch size, the
    last one being padded. Therefore an image doesn't depend on the number of images, their order, or the devices. With
    `exact=False` the last pass is as small as `pass_sizes` allows, which is faster for few images. Their pixels then
    agree up to rounding: where processors compute other batch sizes in another order, a level may differ by one.

    generator: (z (B,z_dim), y (B,), training=False) -> images (B,R,R,3) in [-1,1].
    truncation: of a normal prior; None draws from the whole prior.
    batch_size: per replica and forward pass. strategy: whose replicas share the work; by default the current one.

    Raises:
      ValueError: for an unknown latent, truncation of one that is not normal, or a batch size below 1.
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
        if batch_size is not None:
            check_integer("batch_size", batch_size, 1)
        self.z_dim = z_dim
        self.n_classes = n_classes
        self.resolution = resolution
        self.truncation = truncation
        self.strategy = strategy or tf.distribute.get_strategy()
        self.per_replica = batch_size or default_batch_size(resolution)
        self.batch_size = self.per_replica * self.strategy.num_replicas_in_sync
        self._generator = generator
        self._functions: dict[tuple[str, int], Callable] = {}  # by kind of input and images per replica
        self._z_of = SeededLatents(z_dim=z_dim, latent=latent, mode=truncation.mode if truncation else None)

    def _from_seeds(self, size: int) -> Callable:
        """(seeds, labels, thresholds) of `size` images per replica -> uint8 images."""

        def pixels(z, labels):
            return to_pixels(self._generator(z, labels, training=False))

        def from_seeds(seeds, labels, thresholds):
            # Not within a replica, on whose device it may not be possible to draw z.
            return self._on_replicas(pixels, size, self._z_of(seeds, thresholds), labels)

        return self._compiled(
            from_seeds, size, tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int32), tf.TensorSpec([])
        )

    def _from_latents(self, size: int) -> Callable:
        """(z, labels) of `size` images per replica -> images in [-1,1]."""

        def images(z, labels):
            return self._generator(z, labels, training=False)

        def from_latents(z, labels):
            return self._on_replicas(images, size, z, labels)

        return self._compiled(from_latents, size, tf.TensorSpec([self.z_dim]), tf.TensorSpec([], tf.int32))

    def _on_replicas(self, draw: Callable, size: int, *inputs: tf.Tensor) -> tf.Tensor:
        """`draw` of each replica's `size` rows of the inputs, in their order."""

        def on_replica():
            first = tf.distribute.get_replica_context().replica_id_in_sync_group * size
            own = [x[first : first + size] for x in inputs]
            return draw(*(tf.ensure_shape(x, [size, *x.shape[1:]]) for x in own))

        return tf.concat(self.strategy.experimental_local_results(self.strategy.run(on_replica)), 0)

    def _compiled(self, draw: Callable, size: int, *rows: tf.TensorSpec) -> Callable:
        """Compiles `draw` of a whole batch, of whose inputs `rows` are single rows, to one graph.

        It is a concrete function, since TensorFlow would warn of retracing when many samplers are made. Each is
        compiled once.
        """
        if (draw.__name__, size) in self._functions:
            return self._functions[draw.__name__, size]
        whole_size = size * self.strategy.num_replicas_in_sync
        signature = [tf.TensorSpec([whole_size, *row.shape], row.dtype) for row in rows]
        self._functions[draw.__name__, size] = tf.function(draw, input_signature=signature).get_concrete_function()
        return self._functions[draw.__name__, size]

    def batches(self, labels: Sequence[int], *, seed: int = 0, start: int = 0) -> Iterator[np.ndarray]:
        """Batches (b,R,R,3) uint8 of the image set `seed`, in the order of `labels` (N,), starting at image `start`.

        The last batch may be smaller. Image i has the seed `image_seeds(seed, N)[i]`.

        Raises:
          ValueError: if a label or the seed is out of range.
        """
        return self.of_seeds(image_seeds(seed, len(labels))[start:], labels[start:])

    def of_seeds(self, seeds: Sequence[int], labels: Sequence[int], *, exact: bool = True) -> Iterator[np.ndarray]:
        """The same for one seed per image: seeds (N,) int64, labels (N,). exact: whether every pass has a full batch.

        Raises:
          ValueError: if a label or seed is out of range, or labels and seeds differ in number.
        """
        labels, seeds = check_labels(labels, self.n_classes), checked_seeds(seeds)
        if seeds.shape != labels.shape:
            raise ValueError(f"seeds must be as many as labels; received {len(seeds)} seeds for {len(labels)} labels.")
        thresholds = np.full(len(labels), self.truncation.threshold if self.truncation else 1.0, np.float32)
        return self._padded(self._from_seeds, exact, seeds, labels, thresholds)

    def of_latents(self, z: np.ndarray, labels: Sequence[int], *, exact: bool = True) -> Iterator[np.ndarray]:
        """Images (b,R,R,3) float32 in [-1,1] of given z (N,z_dim) and labels (N,), in their order; exact as above.

        Raises:
          ValueError: if a label is out of range, or z has another shape or is not finite.
        """
        labels = check_labels(labels, self.n_classes)
        z = check_latents(z, len(labels), self.z_dim)
        return self._padded(self._from_latents, exact, z, labels)

    def _padded(self, forward: Callable[[int], Callable], exact: bool, *inputs: np.ndarray) -> Iterator[np.ndarray]:
        """Runs batch after batch, the last one padded with zeros; without inputs nothing is compiled."""
        replicas = self.strategy.num_replicas_in_sync
        sizes = (self.per_replica,) if exact else pass_sizes(self.per_replica)
        for start in range(0, len(inputs[0]), self.batch_size):
            parts = [x[start : start + self.batch_size] for x in inputs]
            count = len(parts[0])
            size = next(size for size in sizes if count <= size * replicas)
            filled = [np.concatenate([x, np.zeros([size * replicas - count, *x.shape[1:]], x.dtype)]) for x in parts]
            yield forward(size)(*map(tf.constant, filled)).numpy()[:count]

    def images(self, labels: Sequence[int], *, seed: int = 0) -> np.ndarray:
        """All images at once: (N,R,R,3) uint8."""
        empty = np.zeros([0, self.resolution, self.resolution, 3], np.uint8)
        return np.concatenate([empty, *self.batches(labels, seed=seed)])


def check_latents(z: np.ndarray, count: int, z_dim: int) -> np.ndarray:
    """Latents of `count` images as float32 (count,z_dim).

    Raises:
      ValueError: if z is not finite, or has another shape: networks would broadcast one z to all labels.
    """
    z = np.asarray(z, np.float32)
    if z.shape != (count, z_dim):
        raise ValueError(f"z must have the shape ({count}, {z_dim}); received shape {z.shape}.")
    if not np.isfinite(z).all():
        raise ValueError("z must be finite; received NaN or infinity.")
    return z
