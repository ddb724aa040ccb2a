"""Standing statistics: the batch norms' moments averaged over many batches of samples (Brock et al. 2018, C.1)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.layers.naming import named_variables

Statistics = Literal["moving", "batch", "standing"]
_PURPOSE_Z, _PURPOSE_Y = 4, 5


@dataclass(frozen=True, kw_only=True)
class StandingStatistics:
    """How the moments are gathered: `passes` batches of fresh z and y, mean of the means and mean of the variances.

    passes, batch_size: the paper has "100 passes"; BigGAN-PyTorch 16 by default, compare_gan 3,200 of 64.
    latent, truncation, threshold: z as it will be sampled (latents.prior, latents.truncated; no threshold: not
      truncated). Statistics are of one truncation and must be gathered anew for another; BigGAN-PyTorch always draws
      from the whole prior here.
    seed: of the draws.

    Raises:
      ValueError: if passes or batch_size is below 1, or for an unknown latent or truncation, or truncation of a latent
        that is not normal.
    """

    passes: int = 100
    batch_size: int = 64
    latent: str = "normal"
    truncation: str = "resampled"
    threshold: float | None = None
    seed: int = 0

    def __post_init__(self):
        for name in ("passes", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; received {name}={getattr(self, name)!r}.")
        latents.prior(self.latent)
        if self.threshold is not None:
            if self.latent not in ("normal", "annealed_normal"):
                raise ValueError(f"truncation must be of a normal prior; received latent={self.latent!r}.")
            self._z([1, 1], 0)

    def _z(self, shape: list[int], number: tf.Tensor | int) -> tf.Tensor:
        key = latents.key(self.seed, _PURPOSE_Z, number)
        if self.threshold is None:
            return latents.prior(self.latent)(shape, key)
        return latents.truncated(self.truncation, shape, key, self.threshold)

    def gather(self, generator: tf.keras.Model) -> None:
        """Replaces the generator's moving statistics by standing ones; its weights and u stay as they are.

        A pass is one in training mode, as in BigGAN-PyTorch and TF-Hub's accumulation. A batch's own moments are read
        off the moving averages' update, moving <- decay * moving + (1 - decay) * batch, from zero.
        """
        spec, variables = generator.spec, named_variables(generator)
        kept = {n: v.numpy() for n, v in variables.items() if n.endswith(".u")}
        decays = {
            n: spec.final_norm_decay if n.startswith("final_norm.") else spec.norm_decay
            for n in variables
            if ".statistics." in n
        }
        sums = {n: np.zeros(variables[n].shape, np.float64) for n in decays}

        @tf.function
        def one_pass(number):
            for n in decays:
                variables[n].assign(tf.zeros(variables[n].shape))
            y = latents.labels([self.batch_size], latents.key(self.seed, _PURPOSE_Y, number), spec.n_classes)
            generator(self._z([self.batch_size, spec.z_dim], number), y, training=True)

        for number in range(self.passes):
            one_pass(tf.constant(number, tf.int64))
            for n, decay in decays.items():
                sums[n] += variables[n].numpy().astype(np.float64) / (1.0 - decay)
            for n, value in kept.items():
                variables[n].assign(value)
        for n, total in sums.items():
            variables[n].assign((total / self.passes).astype(np.float32))
