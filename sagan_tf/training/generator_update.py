"""The generator's update: its loss, from the discriminator's output on its images."""

import tensorflow as tf

from sagan_tf.models.generator import filters
from sagan_tf.objectives.likeness import excess_likeness
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.latent_sampler import Batch
from sagan_tf.training.programs import INLINE, Programs
from sagan_tf.training.state import GAN, read_values, write_values
from sagan_tf.training.update import Logs, NetworkUpdate, Update


class GeneratorUpdate:
    """G's updates. D runs in inference mode, which does not change its u, unless `store_u`."""

    def __init__(
        self,
        gan: GAN,
        objective: Objective,
        *,
        store_u: bool = False,
        microbatches: int = 1,
        programs: Programs = INLINE,
    ):
        self._gan, self._objective, self._store_u = gan, objective, store_u
        self._kernels = filters(gan.generator)
        d_non_trainable = {f"discriminator.{n}": v for n, v in gan.d_non_trainable.items()} if store_u else {}
        self._update = NetworkUpdate(
            self._loss,
            gan.g_optimizer,
            non_trainable=gan.g_non_trainable | d_non_trainable,
            microbatches=microbatches,
            penalty=lambda: objective.on_kernels(self._kernels.values()),
            after_update=self._clamp if objective.clamps else None,
            gradient_program=programs.generator_pass,
            apply_program=programs.part,
        )

    def __call__(
        self,
        fakes: Batch,
        t: tf.Tensor,
        decay: tf.Tensor | float = 1.0,
        dropout_mask: tf.Tensor | None = None,
        *,
        augmentation: tf.Tensor | None = None,
        real: Batch | None = None,
    ) -> Update:
        """G's t-th update (from 1).

        fakes: latents (b,Z) and labels (b,).
        dropout_mask: (b,C), the factors for D's features.
        augmentation: (b,n), the augmenter's random numbers.
        real: images (b,R,R,3) and labels (b,) that `Objective.likeness` compares G's images with.
        """
        return self._update((*fakes, dropout_mask, augmentation, *(real or ())), t, decay)

    def _loss(self, t, z, y, dropout_mask, noise, *real) -> tuple[tf.Tensor, Logs]:
        gan, objective = self._gan, self._objective
        images = gan.generator(z, y, training=True)
        seen = gan.augmenter(images, noise)
        value = objective.generator(gan.discriminator(seen, y, training=self._store_u, dropout_mask=dropout_mask), y)
        if objective.likeness:
            value += objective.likeness * excess_likeness(images, y, *real)
        return value, {}

    def _clamp(self) -> None:
        write_values(self._kernels, self._objective.clamped(read_values(self._kernels)))
