"""The random numbers of a training step: latents and labels of the fakes, and those of dropout and augmentation."""

from dataclasses import dataclass

import tensorflow as tf

from sagan_tf import latents
from sagan_tf.latents import Purpose

Batch = tuple[tf.Tensor, tf.Tensor]

# The distance between the keys of one noise and those of the next: in the seed below this limit, in the draw above it.
_NOISE_STRIDE = 1 << 32
_DRAWS = 1 << 40  # more than the draws of any run


@dataclass(frozen=True, kw_only=True)
class LatentSampler:
    """Random numbers as a function of (seed, step, number of the draw within the step).

    Every replica draws the whole batch and takes its slice, so that the numbers don't depend on the replica count.

    batch_size: of all replicas together.
    draws_per_step: how many batches of fakes one step draws, n_D + 1.
    total_steps: the number of steps over which an annealed prior narrows.
    noise: selects different numbers for the same steps, to continue training after a rollback; 0 before any rollback.

    Raises:
      ValueError: for a negative noise.
    """

    latent: str
    z_dim: int
    n_classes: int
    batch_size: int
    draws_per_step: int
    seed: int
    total_steps: int = 1_000_000
    noise: int = 0

    def __post_init__(self):
        if self.noise < 0:
            raise ValueError(f"noise must not be negative; received noise={self.noise}. Count rollbacks from 0.")

    def __call__(self, step: tf.Tensor, number: int) -> Batch:
        """Latents z (b,Z) float32 and labels y (b,) int32 of this replica, b = batch_size / replicas."""
        z = latents.prior(self.latent)([self.batch_size, self.z_dim], self._key(Purpose.TRAINING_Z, step, number))
        z *= latents.scale(self.latent, tf.cast(step, tf.float32) / self.total_steps)
        y = latents.labels([self.batch_size], self._key(Purpose.TRAINING_LABELS, step, number), self.n_classes)
        return self._replica_rows(z), self._replica_rows(y)

    def dropout_mask(self, step: tf.Tensor, number: int, width: int, rate: float) -> tf.Tensor | None:
        """Dropout's factors (b,width): 0 with probability `rate`, else 1 / (1 - rate). None for a rate of 0."""
        if not rate:
            return None
        noise = latents.uniform([self.batch_size, width], self._key(Purpose.DROPOUT, step, number))
        return self._replica_rows(tf.cast(noise >= rate, tf.float32) / (1.0 - rate))

    def augmentation(self, step: tf.Tensor, number: int, width: int) -> tf.Tensor:
        """Augmentation's uniform numbers in (0,1): (b,width) float32."""
        return self._replica_rows(
            latents.uniform([self.batch_size, width], self._key(Purpose.AUGMENTATION, step, number))
        )

    def _key(self, purpose: Purpose, step: tf.Tensor, number: int) -> tf.Tensor:
        draw = step * self.draws_per_step + number
        if self.seed < _NOISE_STRIDE:
            return latents.key(self.seed + _NOISE_STRIDE * self.noise, purpose, draw)
        return latents.key(self.seed, purpose, draw + _DRAWS * self.noise)

    def _replica_rows(self, whole: tf.Tensor) -> tf.Tensor:
        """This replica's rows of the whole batch: (batch_size,...) -> (b,...)."""
        context = tf.distribute.get_replica_context()
        rows = self.batch_size // context.num_replicas_in_sync
        start = context.replica_id_in_sync_group * rows
        rest = [0] * (whole.shape.rank - 1)
        return tf.slice(whole, [start, *rest], [rows, *whole.shape[1:]])
