"""One training step: n_D updates of the discriminator and one of the generator.

Shapes here and in objectives/: b is the number of rows of this replica's share of the batch (or of a microbatch), R the
resolution, Z the width of the latent, C the number of D's pooled features. Images x are (b,R,R,3) in [-1,1], latents z
(b,Z), labels y (b,) int32 and logits (b,).
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.objectives.objective import Objective
from sagan_tf.training import logs
from sagan_tf.training.discriminator_update import DiscriminatorUpdate
from sagan_tf.training.generator_update import GeneratorUpdate
from sagan_tf.training.latent_sampler import Batch, LatentSampler
from sagan_tf.training.programs import INLINE, Programs
from sagan_tf.training.state import GAN
from sagan_tf.training.update import Logs, Update

FakeLabels = Literal["uniform", "data"]


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """The details of one step in which the papers' codes differ.

    generator_first: whether G is updated before D (the released SAGAN and SNGAN codes) or after it (all others).
    fake_labels: the labels of G's images: "uniform" (all released codes), or "data", those of the real batch (p_data of
      SAGAN's eq. 4). Which z gets which of these labels depends on the number of workers (docs/running.md).
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
    programs: Programs = INLINE,
) -> Logs:
    """One step of one replica on its share of the batch.

    real_batches: n_D pairs of images (b,R,R,3) in [-1,1] and labels (b,).
    step: scalar int64, from 0.
    microbatches: how many parts each update splits its batch into (gradient accumulation).
    programs: how the parts of the step are compiled.

    Returns the logs that training/logs.py names, float32 scalars. An update whose loss or gradients are not finite
    changes nothing; the logs `skipped` (0 or 1) and `bad_tensor` report it.
    """
    n_d = len(real_batches)

    def fakes(number: int) -> Batch:
        z, y = draw(step, number)
        return z, (y if step_options.fake_labels == "uniform" else real_batches[min(number, n_d - 1)][1])

    how = {"microbatches": microbatches, "programs": programs}
    update_d = DiscriminatorUpdate(gan, objective, **how)
    update_g = GeneratorUpdate(gan, objective, store_u=step_options.store_u_in_generator_step, **how)

    def discriminator_updates(after: Update | None) -> list[Update]:
        return _discriminator_updates(gan, update_d, objective.dropout, draw, real_batches, fakes, step, after)

    def generator_update(after: Update | None) -> Update:
        with _after(after):
            return update_g(
                fakes(n_d),
                step + 1,
                gan.g_optimizer.rate_factor(step),
                draw.dropout_mask(step, n_d, gan.spec.discriminator_channels[-1], objective.dropout),
                augmentation=gan.augmenter.noise(draw, step, n_d, 1),
                real=real_batches[-1] if objective.likeness else None,
            )

    if step_options.generator_first:
        g = generator_update(None)
        d = discriminator_updates(g)
    else:
        d = discriminator_updates(None)
        g = generator_update(d[-1])
    if gan.average is not None:
        average = programs.part(lambda step, ok: gan.average.update(gan.shadow, gan.g_variables, step, ok))
        average(step, g.check.ok)
    if gan.augmenter.adapts:
        signs, ok = zip(*((update.logs["augmentation_real_signs"], update.check.ok) for update in d), strict=True)
        gan.augmenter.adapt(signs, ok, real_batches[0][0].shape[0], step)
    return logs.of_step(gan, d, g)


def _discriminator_updates(
    gan: GAN,
    update: DiscriminatorUpdate,
    dropout: float,
    draw: LatentSampler,
    real_batches: Sequence[Batch],
    fakes: Callable[[int], Batch],
    step: tf.Tensor,
    after: Update | None,
) -> list[Update]:
    """D's updates of one step, one on each real batch. fakes: returns the latents and labels of a draw."""
    updates, width = [], 2 * gan.spec.discriminator_channels[-1]
    decay = gan.d_optimizer.rate_factor(step)
    for number, real in enumerate(real_batches):
        with _after(after):
            after = update(
                real,
                fakes(number),
                step * len(real_batches) + number + 1,
                decay,
                draw.dropout_mask(step, number, width, dropout),
                augmentation=gan.augmenter.noise(draw, step, number, 2),
            )
        updates.append(after)
    return updates


def _after(update: Update | None) -> contextlib.AbstractContextManager:
    """A scope whose operations wait for the gradients of the update before.

    The order doesn't change the results. Without it, TensorFlow computes early what depends on weights alone, such as
    normalized kernels, and keeps it in memory during the update before.
    """
    return tf.control_dependencies([] if update is None else [update.check.ok])
