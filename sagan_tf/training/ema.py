"""Exponential moving average of the generator (Yazici et al. 2019; BigGAN, appendix C)."""

from dataclasses import dataclass

import tensorflow as tf

from sagan_tf.foundation.plain_numbers import store_plain_numbers


@dataclass(frozen=True, kw_only=True)
class MovingAverage:
    """shadow <- decay * shadow + (1 - decay) * weights; before `start` the shadow is a copy of the weights.

    decay: BigGAN uses 0.9999; SAGAN has no average.
    start: how many updates of G precede the averaging (BigGAN-PyTorch: 20,000).

    All variables of G are averaged, moving statistics and u included, as in BigGAN-PyTorch and StudioGAN; compare_gan
    averages the trainable weights only.

    Raises:
      ValueError: for a decay outside [0, 1) or a negative start.
    """

    decay: float = 0.9999
    start: int = 20_000

    def __post_init__(self):
        store_plain_numbers(self)
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1); received decay={self.decay!r}. BigGAN uses 0.9999.")
        if self.start < 0:
            raise ValueError(f"start must not be negative; received start={self.start!r}. BigGAN-PyTorch uses 20000.")

    def update(
        self,
        shadow: dict[str, tf.Variable],
        weights: dict[str, tf.Variable],
        step: tf.Tensor,
        ok: tf.Tensor | bool = True,
    ) -> None:
        """Updates the shadow after G's update number `step` (scalar integer, from 0).

        shadow, weights: the averages and G's variables, by the same names and in the same shapes.
        ok: scalar bool, false if G's update was skipped; the shadow then stays as it is.
        """
        decay = tf.where(ok, tf.where(step < self.start, 0.0, self.decay), 1.0)
        rest = 1.0 - decay
        for name, variable in shadow.items():
            new = tf.convert_to_tensor(weights[name])
            variable.assign(decay * tf.convert_to_tensor(variable) + rest * new)
