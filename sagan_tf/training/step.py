"""One training step: n_D updates of the discriminator, one of the generator. The mathematics, and nothing else."""

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
from sagan_tf.training.latent_sampler import Batch, LatentSampler
from sagan_tf.training.state import GAN, put, take
from sagan_tf.training.update import Logs, Update, minimize

FakeLabels = Literal["uniform", "data"]


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """The order and the details of one step.

    generator_first: whether G is updated before D (the released SAGAN and SNGAN codes) or after (all others).
    fake_labels: "uniform" (all released codes), or "data": those of the real batch, p_data of SAGAN's eq. 4.
    store_u_in_generator_step: whether D's u moves in G's update too (BigGAN-PyTorch, SNGAN), not in D's alone (SAGAN).

    Raises:
      ValueError: for other labels.
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

    real_batches: n_D pairs of x_real (b,R,R,3) in [-1,1] and y_real (b,). step: scalar int64, from 0. microbatches: in
    how many parts, one after the other, each update goes through its batch (gradient accumulation).
    Returns the logs that training/logs.py names, float32 scalars, D's of its last update. An update whose loss or
    gradients are not finite changes nothing, which `skipped` (0 or 1) and `bad_tensor` tell.
    """
    n_d, decay = len(real_batches), gan.g_optimizer.options.decay(step)

    def fakes(number: int) -> Batch:
        z, y = draw(step, number)
        return z, (y if step_options.fake_labels == "uniform" else real_batches[min(number, n_d - 1)][1])

    def generator() -> Update:
        dropout_mask = draw.dropout_mask(step, n_d, gan.spec.discriminator_channels[-1], objective.dropout)
        store_u = step_options.store_u_in_generator_step
        return update_generator(
            gan,
            objective,
            fakes(n_d),
            step + 1,
            decay,
            dropout_mask,
            real=real_batches[-1] if objective.likeness else None,
            store_u=store_u,
            microbatches=microbatches,
        )

    def discriminator(number: int) -> Update:
        dropout_mask = draw.dropout_mask(step, number, 2 * gan.spec.discriminator_channels[-1], objective.dropout)
        t = step * n_d + number + 1
        batches = real_batches[number], fakes(number)
        return update_discriminator(gan, objective, *batches, t, decay, dropout_mask, microbatches=microbatches)

    updates = [functools.partial(discriminator, number) for number in range(n_d)]
    place = 0 if step_options.generator_first else n_d
    updates.insert(place, generator)
    d = in_turn(updates)
    g = d.pop(place)
    if gan.average is not None:
        gan.average.update(gan.shadow, gan.g_variables, step, g.health.ok)
    return _logs(gan, d, g)


def in_turn(updates: Sequence[Callable[[], Update]]) -> list[Update]:
    """The updates, each begun when the gradients of the one before are there.

    They would come out alike if each did at any time what its inputs allow; but then what depends on weights alone,
    such as kernels as they are applied, would be computed early and held through the update before.
    """
    done: list[Update] = []
    for update in updates:
        with tf.control_dependencies([done[-1].health.ok] if done else []):
            done.append(update())
    return done


def update_discriminator(
    gan: GAN,
    objective: Objective,
    real: Batch,
    fakes: Batch,
    t: tf.Tensor,
    decay: tf.Tensor | float = 1.0,
    dropout_mask: tf.Tensor | None = None,
    *,
    microbatches: int = 1,
) -> Update:
    """D's t-th update. Real and fake pass D together, so that u moves once.

    dropout_mask: (b,2C), the factors of the real images' features beside those of the fakes'.
    """

    def loss(x_real, y_real, z, y_fake, dropout_mask) -> tuple[tf.Tensor, Logs]:
        x_fake = tf.stop_gradient(gan.generator(z, y_fake, training=True))
        dropout_mask = None if dropout_mask is None else tf.concat(tf.split(dropout_mask, 2, axis=1), 0)  # (2b,C)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x_real)
            images, y = tf.concat([x_real, x_fake], 0), tf.concat([y_real, y_fake], 0)
            real, fake = halves(gan.discriminator(images, y, training=True, dropout_mask=dropout_mask))
        value = objective.discriminator(real, fake, y_real, y_fake)
        if objective.r1:
            value += objective.r1 * r1(tape.gradient(real.logits, x_real))
        logs = {"logits_real": tf.reduce_mean(real.logits), "logits_fake": tf.reduce_mean(fake.logits)}
        if objective.loss == "hinge":
            logs["saturated_real"], logs["saturated_fake"] = hinge_saturated(real.logits, fake.logits)
        return value, logs

    moved = {f"generator.{n}": v for n, v in gan.g_moved.items()} | gan.d_moved
    return minimize(
        loss, (*real, *fakes, dropout_mask), gan.d_optimizer, t, decay, moved=moved, microbatches=microbatches
    )


def update_generator(
    gan: GAN,
    objective: Objective,
    fakes: Batch,
    t: tf.Tensor,
    decay: tf.Tensor | float = 1.0,
    dropout_mask: tf.Tensor | None = None,
    *,
    real: Batch | None = None,
    store_u: bool = False,
    microbatches: int = 1,
) -> Update:
    """G's t-th update. D is in inference mode: its u is not moved, unless `store_u`. dropout_mask: (b,C).

    real: what `Objective.likeness` compares G's images with.
    """
    kernels = filters(gan.generator)

    def loss(z, y, dropout_mask, *real) -> tuple[tf.Tensor, Logs]:
        images = gan.generator(z, y, training=True)
        value = objective.generator(gan.discriminator(images, y, training=store_u, dropout_mask=dropout_mask), y)
        if objective.likeness:
            value += objective.likeness * excess_likeness(images, y, *real)
        return value, {}

    def clamp() -> None:
        put(kernels, {n: objective.sigma.clamped(w) for n, w in take(kernels).items()})

    return minimize(
        loss,
        (*fakes, dropout_mask, *(real or ())),
        gan.g_optimizer,
        t,
        decay,
        moved=gan.g_moved | ({f"discriminator.{n}": v for n, v in gan.d_moved.items()} if store_u else {}),
        microbatches=microbatches,
        penalty=lambda: objective.on_kernels(kernels.values()),
        then=clamp if objective.clamps else None,
    )


def halves(output: DiscriminatorOutput) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
    """D's output on concat(real, fake) as two."""
    real, fake = zip(*(tf.split(part, 2) if part is not None else (None, None) for part in output), strict=True)
    return DiscriminatorOutput(*real), DiscriminatorOutput(*fake)


def _logs(gan: GAN, d: Sequence[Update], g: Update) -> Logs:
    """The step's logs from its updates; what the guard says counts over all of them."""
    healths = [update.health for update in d]
    skipped = tf.logical_not(tf.reduce_all([h.ok for h in (*healths, g.health)]))
    bad_d = tf.reduce_max([h.bad for h in healths])
    bad_g = tf.where(g.health.bad < 0, -1, g.health.bad + 1 + len(gan.d_trainable))
    logs = {"skipped": tf.cast(skipped, tf.float32), "bad_tensor": tf.cast(tf.maximum(bad_d, bad_g), tf.float32)}
    for name, update, optimizer in (("d", d[-1], gan.d_optimizer), ("g", g, gan.g_optimizer)):
        logs |= {f"{name}_loss": update.loss, f"{name}_gradient_norm": update.health.norm, **update.logs}
        logs[f"{name}_learning_rate"] = update.learning_rate
        if optimizer.loss_scale is not None:
            logs[f"{name}_loss_scale"] = tf.convert_to_tensor(optimizer.loss_scale.scale)
    return logs
