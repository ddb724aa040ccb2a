"""LeCam regularization: D's outputs are kept close to their own moving averages (Tseng et al. 2021)."""

from dataclasses import dataclass

import tensorflow as tf

from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.plain_numbers import store_plain_numbers


@dataclass(frozen=True, kw_only=True)
class LeCam:
    """A term of D's loss for small data sets, in addition to augmentation or instead of it.

    weight: lambda. The paper's code uses 0.3 for BigGAN on CIFAR, with the hinge loss.
    decay: the decay of the moving averages of D's mean logit on real and on fake images, which are updated with D. The
      paper and its code for StyleGAN2 have 0.99; its code for CIFAR has 0.9.
    start: after how many updates of D the term starts. Until then the averages are those of the last update alone. In
      the code for CIFAR it is 1,000 steps.

    Raises:
      ValueError: for a weight or start that is negative, or a decay outside [0, 1).
    """

    weight: float = 0.3
    decay: float = 0.99
    start: int = 1000

    def __post_init__(self):
        store_plain_numbers(self)
        if not self.weight >= 0:
            raise ValueError(f"LeCam.weight must not be negative; received weight={self.weight!r}. Try 0.3.")
        if not 0 <= self.decay < 1:
            raise ValueError(f"LeCam.decay must be in [0, 1); received decay={self.decay!r}. The paper's is 0.99.")
        check_integer("start", self.start, 0, owner="LeCam", hint="The paper's code for CIFAR has 1000.")

    def penalty(self, real: tf.Tensor, fake: tf.Tensor, mean_real: tf.Tensor, mean_fake: tf.Tensor) -> tf.Tensor:
        """E max(0, D(x) - a_F)^2 + E max(0, a_R - D(G(z)))^2, a scalar, without the weight.

        The paper's equation has plain squares without max(0, .); both of its implementations have it, as here.

        real, fake: D's logits (B,). mean_real, mean_fake: a_R and a_F, the moving averages, scalars.
        """
        above = tf.nn.relu(real - mean_fake)
        below = tf.nn.relu(mean_real - fake)
        return tf.reduce_mean(tf.square(above)) + tf.reduce_mean(tf.square(below))

    def averaged(self, average: tf.Tensor, mean: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        """A moving average after D's t-th update (scalar integer from 1), whose mean logit is `mean`."""
        return tf.where(t > self.start, self.decay * average + (1.0 - self.decay) * mean, mean)
