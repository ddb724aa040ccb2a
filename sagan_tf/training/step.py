"""One training step: n_D updates of the discriminator, one of the generator. The mathematics, and nothing else."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from sagan_tf.models.generator import filters
from sagan_tf.models.heads import Verdict
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.penalties import r1
from sagan_tf.training.draw import Batch, Draw
from sagan_tf.training.procedure import DEFAULT, Procedure
from sagan_tf.training.state import GAN

Logs = dict[str, tf.Tensor]


def gan_step(
    gan: GAN,
    objective: Objective,
    draw: Draw,
    real_batches: Sequence[Batch],
    step: tf.Tensor,
    procedure: Procedure = DEFAULT,
) -> Logs:
    """One step of one replica on its share of the batch.

    real_batches: n_D pairs of x_real (b,R,R,3) in [-1,1] and y_real (b,). step: scalar int64, from 0.
    Returns the last D loss and the G loss, and the mean logits on real and fake images.
    """
    n_d = len(real_batches)

    def fakes(number: int) -> Batch:
        z, y = draw(step, number)
        return z, (y if procedure.fake_labels == "uniform" else real_batches[min(number, n_d - 1)][1])

    def generator() -> Logs:
        keep = draw.keep(step, n_d, gan.spec.discriminator_channels[-1], objective.dropout)
        return update_generator(
            gan, objective, fakes(n_d), step + 1, keep=keep, store_u=procedure.store_u_in_generator_step
        )

    g_logs = generator() if procedure.generator_first else {}
    for number, (x_real, y_real) in enumerate(real_batches):
        keep = draw.keep(step, number, 2 * gan.spec.discriminator_channels[-1], objective.dropout)
        t = step * n_d + number + 1
        d_logs = update_discriminator(gan, objective, x_real, y_real, fakes(number), t, keep=keep)
    g_logs = g_logs or generator()
    if gan.average is not None:
        gan.average.update(gan.shadow, gan.g_variables, step)
    return d_logs | g_logs


def update_discriminator(
    gan: GAN, objective: Objective, x_real, y_real, fakes: Batch, t: tf.Tensor, *, keep: tf.Tensor | None = None
) -> Logs:
    """D's t-th update. Real and fake pass D together, so that u moves once. keep: (b,2C) for real and for fake."""
    z, y_fake = fakes
    x_fake = tf.stop_gradient(gan.generator(z, y_fake, training=True))
    y = tf.concat([y_real, y_fake], 0)
    keep = None if keep is None else tf.concat(tf.split(keep, 2, axis=1), 0)  # (2b,C)

    def loss() -> tuple[tf.Tensor, Logs]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x_real)
            images = tf.concat([x_real, x_fake], 0)
            real, fake = halves(gan.discriminator(images, y, training=True, keep=keep))
        value = objective.discriminator(real, fake, y_real, y_fake)
        if objective.r1:
            value += objective.r1 * r1(tape.gradient(real.logits, x_real))
        means = {"logits_real": tf.reduce_mean(real.logits), "logits_fake": tf.reduce_mean(fake.logits)}
        return value, {"d_loss": value, **means}

    return minimize(loss, gan.d_trainable, gan.d_optimizer, t)


def update_generator(
    gan: GAN,
    objective: Objective,
    fakes: Batch,
    t: tf.Tensor,
    *,
    keep: tf.Tensor | None = None,
    store_u: bool = False,
) -> Logs:
    """G's t-th update. D is in inference mode: its u is not moved, unless `store_u`. keep: (b,C)."""
    z, y = fakes
    kernels = filters(gan.generator)

    def loss() -> tuple[tf.Tensor, Logs]:
        verdict = gan.discriminator(gan.generator(z, y, training=True), y, training=store_u, keep=keep)
        value = objective.generator(verdict, y) + objective.on_kernels(kernels.values())
        return value, {"g_loss": value}

    logs = minimize(loss, gan.g_trainable, gan.g_optimizer, t)
    for kernel in kernels.values() if objective.clamps else ():
        value = tf.convert_to_tensor(kernel)
        # as the optimizer's own update: every replica writes its copy, all copies alike
        tf.raw_ops.AssignVariableOp(resource=kernel.handle, value=objective.sigma.clamped(value))
    return logs


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
