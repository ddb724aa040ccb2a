"""One training step: n_D updates of the discriminator and one of the generator.

Shapes here and in objectives/: b is the number of rows of this replica's share of the batch (or of a microbatch), R the
resolution, Z the width of the latent, C the number of D's pooled features. Images x are (b,R,R,3) in [-1,1], latents z
(b,Z), labels y (b,) int32 and logits (b,).
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.models.generator import filters
from sagan_tf.models.heads import DiscriminatorOutput
from sagan_tf.objectives.likeness import excess_likeness
from sagan_tf.objectives.losses import hinge_saturated
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.penalties import r1
from sagan_tf.training import logs
from sagan_tf.training.latent_sampler import Batch, LatentSampler
from sagan_tf.training.state import GAN, read_values, write_values
from sagan_tf.training.update import Logs, Update, minimize

FakeLabels = Literal["uniform", "data"]


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """The details of one step in which the papers' codes differ.

    generator_first: whether G is updated before D (the released SAGAN and SNGAN codes) or after it (all others).
    fake_labels: the labels of G's images: "uniform" (all released codes), or "data", those of the real batch (p_data of
      SAGAN's eq. 4).
    store_u_in_generator_step: whether D's u is also updated in G's update (BigGAN-PyTorch, SNGAN), not only in D's
      (SAGAN).

    Raises:
      ValueError: for an unknown value of `fake_labels`.
    """

    generator_first: bool = False
    fake_labels: FakeLabels = "uniform"
    store_u_in_generator_step: bool = False

    def __post_init__(self):
        check_choice("StepOptions", "fake_labels", self.fake_labels, get_args(FakeLabels))


DEFAULT = StepOptions()


def gan_step(
    gan: GAN,
    objective: Objective,
    draw: LatentSampler,
    real_batches: Sequence[Batch],
    step: tf.Tensor,
    step_options: StepOptions = DEFAULT,
    microbatches: int = 1,
) -> Logs:
    """One step of one replica on its share of the batch.

    real_batches: n_D pairs of images (b,R,R,3) in [-1,1] and labels (b,).
    step: scalar int64, from 0.
    microbatches: how many parts each update splits its batch into (gradient accumulation).

    Returns the logs that training/logs.py names, float32 scalars. An update whose loss or gradients are not finite
    changes nothing; the logs `skipped` (0 or 1) and `bad_tensor` report it.
    """
    n_d = len(real_batches)
    g_factor, d_factor = (optimizer.rate_factor(step) for optimizer in (gan.g_optimizer, gan.d_optimizer))

    def fakes(number: int) -> Batch:
        z, y = draw(step, number)
        return z, (y if step_options.fake_labels == "uniform" else real_batches[min(number, n_d - 1)][1])

    def generator_update(after: Update | None) -> Update:
        with _after(after):
            return update_generator(
                gan,
                objective,
                fakes(n_d),
                step + 1,
                g_factor,
                draw.dropout_mask(step, n_d, gan.spec.discriminator_channels[-1], objective.dropout),
                augmentation=gan.augmenter.noise(draw, step, n_d, 1),
                real=real_batches[-1] if objective.likeness else None,
                store_u=step_options.store_u_in_generator_step,
                microbatches=microbatches,
            )

    discriminator_updates = functools.partial(
        _discriminator_updates, gan, objective, draw, real_batches, fakes, step, d_factor, microbatches
    )
    if step_options.generator_first:
        g = generator_update(None)
        d = discriminator_updates(g)
    else:
        d = discriminator_updates(None)
        g = generator_update(d[-1])
    if gan.average is not None:
        gan.average.update(gan.shadow, gan.g_variables, step, g.check.ok)
    if gan.augmenter.adapts:
        signs, ok = zip(*((update.logs["augmentation_real_signs"], update.check.ok) for update in d), strict=True)
        gan.augmenter.adapt(signs, ok, real_batches[0][0].shape[0], step)
    return logs.of_step(gan, d, g)


def _discriminator_updates(
    gan: GAN,
    objective: Objective,
    draw: LatentSampler,
    real_batches: Sequence[Batch],
    fakes: Callable[[int], Batch],
    step: tf.Tensor,
    decay: tf.Tensor,
    microbatches: int,
    after: Update | None,
) -> list[Update]:
    """D's updates of one step, one on each real batch. fakes: returns the latents and labels of a draw."""
    updates, width = [], 2 * gan.spec.discriminator_channels[-1]
    for number, real in enumerate(real_batches):
        with _after(after):
            after = update_discriminator(
                gan,
                objective,
                real,
                fakes(number),
                step * len(real_batches) + number + 1,
                decay,
                draw.dropout_mask(step, number, width, objective.dropout),
                augmentation=gan.augmenter.noise(draw, step, number, 2),
                microbatches=microbatches,
            )
        updates.append(after)
    return updates


def _after(update: Update | None) -> contextlib.AbstractContextManager:
    """A scope whose operations wait for the gradients of the update before.

    The order doesn't change the results. Without it, TensorFlow computes early what depends on weights alone, such as
    normalized kernels, and keeps it in memory during the update before.
    """
    return tf.control_dependencies([] if update is None else [update.check.ok])


def update_discriminator(
    gan: GAN,
    objective: Objective,
    real: Batch,
    fakes: Batch,
    t: tf.Tensor,
    decay: tf.Tensor | float = 1.0,
    dropout_mask: tf.Tensor | None = None,
    *,
    augmentation: tf.Tensor | None = None,
    microbatches: int = 1,
) -> Update:
    """D's t-th update (from 1). Real and fake images pass D as one batch, so that u moves once.

    real: images (b,R,R,3) and labels (b,). fakes: latents (b,Z) and labels (b,).
    dropout_mask: (b,2C), the factors for the features of the real images beside those for the fakes'.
    augmentation: (b,2n), the augmenter's random numbers for the real images beside those for the fakes.
    """

    def loss(x_real, y_real, z, y_fake, dropout_mask, noise) -> tuple[tf.Tensor, Logs]:
        x_fake = tf.stop_gradient(gan.generator(z, y_fake, training=True))
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
        means |= gan.augmenter.logs(real.logits)
        if objective.loss == "hinge":
            means["saturated_real"], means["saturated_fake"] = hinge_saturated(real.logits, fake.logits)
        return value, means

    non_trainable = {f"generator.{n}": v for n, v in gan.g_non_trainable.items()} | gan.d_non_trainable
    update = minimize(
        loss,
        (*real, *fakes, dropout_mask, augmentation),
        gan.d_optimizer,
        t,
        decay,
        non_trainable=non_trainable,
        microbatches=microbatches,
    )
    gan.logit_averages.follow(update.logs, update.check.ok, t)
    return update


def update_generator(
    gan: GAN,
    objective: Objective,
    fakes: Batch,
    t: tf.Tensor,
    decay: tf.Tensor | float = 1.0,
    dropout_mask: tf.Tensor | None = None,
    *,
    augmentation: tf.Tensor | None = None,
    real: Batch | None = None,
    store_u: bool = False,
    microbatches: int = 1,
) -> Update:
    """G's t-th update (from 1). D runs in inference mode, which leaves its u alone, unless `store_u`.

    fakes: latents (b,Z) and labels (b,).
    dropout_mask: (b,C), the factors for D's features.
    augmentation: (b,n), the augmenter's random numbers.
    real: images (b,R,R,3) and labels (b,) that `Objective.likeness` compares G's images with.
    """
    kernels = filters(gan.generator)

    def loss(z, y, dropout_mask, noise, *real) -> tuple[tf.Tensor, Logs]:
        images = gan.generator(z, y, training=True)
        seen = gan.augmenter(images, noise)
        value = objective.generator(gan.discriminator(seen, y, training=store_u, dropout_mask=dropout_mask), y)
        if objective.likeness:
            value += objective.likeness * excess_likeness(images, y, *real)
        return value, {}

    def clamp() -> None:
        write_values(kernels, objective.clamped(read_values(kernels)))

    d_non_trainable = {f"discriminator.{n}": v for n, v in gan.d_non_trainable.items()} if store_u else {}
    return minimize(
        loss,
        (*fakes, dropout_mask, augmentation, *(real or ())),
        gan.g_optimizer,
        t,
        decay,
        non_trainable=gan.g_non_trainable | d_non_trainable,
        microbatches=microbatches,
        penalty=lambda: objective.on_kernels(kernels.values()),
        after_update=clamp if objective.clamps else None,
    )


def halves(output: DiscriminatorOutput) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
    """Splits D's output on concat(real, fake) in two: logits (2b,) -> (b,) each, class logits (2b,n) -> (b,n) each."""
    real, fake = zip(*(tf.split(part, 2) if part is not None else (None, None) for part in output), strict=True)
    return DiscriminatorOutput(*real), DiscriminatorOutput(*fake)
