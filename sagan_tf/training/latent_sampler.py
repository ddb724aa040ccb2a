"""The randomness of one training step: z and y of the fakes, and what dropout keeps."""

from dataclasses import dataclass

import tensorflow as tf

from sagan_tf import latents

Batch = tuple[tf.Tensor, tf.Tensor]

_PURPOSE_Z, _PURPOSE_Y, _PURPOSE_KEEP = 0, 1, 3
_NOISE_STRIDE = 1 << 32  # seeds of one noise lie this far from those of the next


@dataclass(frozen=True, kw_only=True)
class LatentSampler:
    """Random numbers as a function of (seed, step, number of the draw within the step).

    The batch of all replicas is drawn everywhere and each replica takes its slice, so that the numbers don't depend
    on how many replicas there are. total_steps: over how many steps an annealed prior narrows. noise: other numbers for
    the same steps, to go on after a roll-back; 0 is the run's own.

    Raises:
      ValueError: for a negative noise, or a seed that would run into it.
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
        if self.noise < 0 or (self.noise and self.seed >= _NOISE_STRIDE):
            raise ValueError(
                f"noise must not be negative, and seed must stay below {_NOISE_STRIDE} where there is any; received "
                f"noise={self.noise}, seed={self.seed}. Use another seed."
            )

    def __call__(self, step: tf.Tensor, number: int) -> Batch:
        """z (b,z_dim) float32 and y (b,) int32 of this replica, b = batch_size / replicas."""
        z = latents.prior(self.latent)([self.batch_size, self.z_dim], self._key(_PURPOSE_Z, step, number))
        z *= latents.scale(self.latent, tf.cast(step, tf.float32) / self.total_steps)
        y = latents.labels([self.batch_size], self._key(_PURPOSE_Y, step, number), self.n_classes)
        return self._share(z), self._share(y)

    def dropout_mask(self, step: tf.Tensor, number: int, width: int, rate: float) -> tf.Tensor | None:
        """Dropout's factors (b,width), 0 with probability `rate` and else 1 / (1 - rate); None for a rate of 0."""
        if not rate:
            return None
        noise = latents.uniform([self.batch_size, width], self._key(_PURPOSE_KEEP, step, number))
        return self._share(tf.cast(noise >= rate, tf.float32) / (1.0 - rate))

    def _key(self, purpose: int, step: tf.Tensor, number: int) -> tf.Tensor:
        return latents.key(self.seed + _NOISE_STRIDE * self.noise, purpose, step * self.draws_per_step + number)

    def _share(self, whole: tf.Tensor) -> tf.Tensor:
        """This replica's rows of the batch of all replicas."""
        context = tf.distribute.get_replica_context()
        share = self.batch_size // context.num_replicas_in_sync
        start = context.replica_id_in_sync_group * share
        rest = [0] * (whole.shape.rank - 1)
        return tf.slice(whole, [start, *rest], [share, *whole.shape[1:]])
