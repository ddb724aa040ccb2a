"""One training step: n_D updates of the discriminator, one of the generator. The mathematics, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from sagan_tf import latents
from sagan_tf.models.heads import Verdict
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.state import GAN

Batch = tuple[tf.Tensor, tf.Tensor]
Logs = dict[str, tf.Tensor]

_PURPOSE_Z, _PURPOSE_Y = 0, 1


@dataclass(frozen=True, kw_only=True)
class Draw:
    """z and y of fakes as a function of (seed, step, number of the draw within the step).

    The batch of all replicas is drawn everywhere and each replica takes its slice, so that the numbers don't depend
    on how many replicas there are.
    """

    latent: str
    z_dim: int
    n_classes: int
    batch_size: int
    draws_per_step: int
    seed: int

    def __call__(self, step: tf.Tensor, number: int) -> Batch:
        """z (b,z_dim) float32 and y (b,) int32 of this replica, b = batch_size / replicas."""
        index = step * self.draws_per_step + number
        z = latents.prior(self.latent)([self.batch_size, self.z_dim], latents.key(self.seed, _PURPOSE_Z, index))
        y = latents.labels([self.batch_size], latents.key(self.seed, _PURPOSE_Y, index), self.n_classes)
        context = tf.distribute.get_replica_context()
        share = self.batch_size // context.num_replicas_in_sync
        start = context.replica_id_in_sync_group * share
        return tf.slice(z, [start, 0], [share, self.z_dim]), tf.slice(y, [start], [share])


def gan_step(gan: GAN, objective: Objective, draw: Draw, real_batches: Sequence[Batch], step: tf.Tensor) -> Logs:
    """One step of one replica on its share of the batch; D first (the SAGAN and SNGAN codes update G first).

    real_batches: n_D pairs of x_real (b,R,R,3) in [-1,1] and y_real (b,). step: scalar int64, from 0.
    Returns the last D loss and the G loss, and the mean logits on real and fake images.
    """
    n_d = len(real_batches)
    for number, (x_real, y_real) in enumerate(real_batches):
        d_logs = update_discriminator(gan, objective, x_real, y_real, draw(step, number), step * n_d + number + 1)
    g_logs = update_generator(gan, objective, draw(step, n_d), step + 1)
    if gan.average is not None:
        gan.average.update(gan.shadow, gan.g_variables, step)
    return d_logs | g_logs


def update_discriminator(gan: GAN, objective: Objective, x_real, y_real, fakes: Batch, t: tf.Tensor) -> Logs:
    """D's t-th update. Real and fake pass D together, so that u moves once."""
    z, y_fake = fakes
    x_fake = tf.stop_gradient(gan.generator(z, y_fake, training=True))
    images, y = tf.concat([x_real, x_fake], 0), tf.concat([y_real, y_fake], 0)

    def loss() -> tuple[tf.Tensor, Logs]:
        real, fake = halves(gan.discriminator(images, y, training=True))
        value = objective.discriminator(real, fake, y_real, y_fake)
        means = {"logits_real": tf.reduce_mean(real.logits), "logits_fake": tf.reduce_mean(fake.logits)}
        return value, {"d_loss": value, **means}

    return minimize(loss, gan.d_trainable, gan.d_optimizer, t)


def update_generator(gan: GAN, objective: Objective, fakes: Batch, t: tf.Tensor) -> Logs:
    """G's t-th update. D is in inference mode: its u is not moved."""
    z, y = fakes

    def loss() -> tuple[tf.Tensor, Logs]:
        value = objective.generator(gan.discriminator(gan.generator(z, y, training=True), y, training=False), y)
        return value, {"g_loss": value}

    return minimize(loss, gan.g_trainable, gan.g_optimizer, t)


def halves(verdict: Verdict) -> tuple[Verdict, Verdict]:
    """D's verdict on concat(real, fake) as two."""
    real, fake = zip(*(tf.split(part, 2) if part is not None else (None, None) for part in verdict), strict=True)
    return Verdict(*real), Verdict(*fake)


def minimize(loss: Callable[[], tuple[tf.Tensor, Logs]], variables: dict[str, tf.Variable], optimizer, t) -> Logs:
    """One optimizer update of the mean over all replicas' batches.

    The loss is a mean over this replica's share; it is divided by the replica count inside the tape because the
    optimizer sums over replicas.
    """
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(list(variables.values()))
        value, logs = loss()
        value = value / replicas
    gradients = tape.gradient(value, variables)
    optimizer.apply({name: tf.convert_to_tensor(g) for name, g in gradients.items()}, t)
    return logs
