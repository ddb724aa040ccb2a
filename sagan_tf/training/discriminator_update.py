"""The discriminator's update: its loss on real images and on the generator's, in one pass."""

import tensorflow as tf

from sagan_tf.models.heads import DiscriminatorOutput
from sagan_tf.objectives.losses import hinge_saturated
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.penalties import r1
from sagan_tf.training.latent_sampler import Batch
from sagan_tf.training.programs import INLINE, Programs
from sagan_tf.training.state import GAN
from sagan_tf.training.update import Logs, NetworkUpdate, Rows, Update


class DiscriminatorUpdate:
    """D's updates. Real and fake images pass through D as one batch, so that u is updated once."""

    def __init__(self, gan: GAN, objective: Objective, *, microbatches: int = 1, programs: Programs = INLINE):
        self._gan, self._objective = gan, objective
        self._fake_images = programs.generator_pass(self._draw)
        self._update = NetworkUpdate(
            self._loss,
            gan.d_optimizer,
            non_trainable={f"generator.{n}": v for n, v in gan.g_non_trainable.items()} | gan.d_non_trainable,
            prepare=self._with_fake_images,
            microbatches=microbatches,
            gradient_program=programs.part,
            apply_program=programs.part,
        )

    def __call__(
        self,
        real: Batch,
        fakes: Batch,
        t: tf.Tensor,
        decay: tf.Tensor | float = 1.0,
        dropout_mask: tf.Tensor | None = None,
        *,
        augmentation: tf.Tensor | None = None,
    ) -> Update:
        """D's t-th update (from 1).

        real: images (b,R,R,3) and labels (b,). fakes: latents (b,Z) and labels (b,).
        dropout_mask: (b,2C), the factors for the features of the real images beside those for the fakes'.
        augmentation: (b,2n), the augmenter's random numbers for the real images beside those for the fakes.
        """
        update = self._update((*real, *fakes, dropout_mask, augmentation), t, decay)
        self._gan.logit_averages.follow(update.logs, update.check.ok, update.t)
        return update

    def _draw(self, z: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.stop_gradient(self._gan.generator(z, y, training=True))

    def _with_fake_images(self, x_real, y_real, z, y_fake, *rest) -> Rows:
        return x_real, y_real, self._fake_images(z, y_fake), y_fake, *rest

    def _loss(self, t, x_real, y_real, x_fake, y_fake, dropout_mask, noise) -> tuple[tf.Tensor, Logs]:
        gan, objective = self._gan, self._objective
        dropout_mask = None if dropout_mask is None else tf.concat(tf.split(dropout_mask, 2, axis=1), 0)  # (2b,C)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x_real)
            seen_real, seen_fake = gan.augmenter.real_and_fake(x_real, x_fake, noise)
            tape.watch(penalized := gan.augmenter.penalized(x_real, seen_real))
            images, y = tf.concat([seen_real, seen_fake], 0), tf.concat([y_real, y_fake], 0)
            real, fake = halves(gan.discriminator(images, y, training=True, dropout_mask=dropout_mask))
        value = objective.discriminator(real, fake, y_real, y_fake)
        if objective.lecam is not None:
            value += gan.logit_averages.penalty(real.logits, fake.logits, t)
        if objective.r1:
            value += objective.r1 * r1(tape.gradient(real.logits, penalized))
        means = {"logits_real": tf.reduce_mean(real.logits), "logits_fake": tf.reduce_mean(fake.logits)}
        means["d_loss_real"], means["d_loss_fake"] = objective.adversarial(real.logits, fake.logits)
        means |= gan.augmenter.logs(real.logits)
        if objective.loss == "hinge":
            means["saturated_real"], means["saturated_fake"] = hinge_saturated(real.logits, fake.logits)
        return value, means


def halves(output: DiscriminatorOutput) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
    """Splits D's output on concat(real, fake) in two: logits (2b,) -> (b,) each, class logits (2b,n) -> (b,n) each."""
    real, fake = zip(*(tf.split(part, 2) if part is not None else (None, None) for part in output), strict=True)
    return DiscriminatorOutput(*real), DiscriminatorOutput(*fake)
