"""Several training steps in one compiled call: what the device runs between two looks of the host."""

from collections.abc import Callable

import tensorflow as tf

from sagan_tf.objectives.objective import Objective
from sagan_tf.training.draw import Draw
from sagan_tf.training.procedure import DEFAULT, Procedure
from sagan_tf.training.state import GAN
from sagan_tf.training.step import gan_step


def compile_steps(
    gan: GAN,
    objective: Objective,
    draw: Draw,
    strategy: tf.distribute.Strategy,
    discriminator_steps: int,
    procedure: Procedure = DEFAULT,
) -> Callable:
    """n steps in one call: (iterator, n) -> the logs' means over the n steps and all replicas. n is a tensor."""

    @tf.autograph.experimental.do_not_convert
    def replica_step(batches, step):
        return gan_step(gan, objective, draw, batches, step, procedure)

    @tf.autograph.experimental.do_not_convert
    def one_step(iterator):
        batches = [iterator.get_next() for _ in range(discriminator_steps)]
        logs = strategy.run(replica_step, args=(batches, gan.step.read_value()))
        gan.step.assign_add(1)
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    names = ("d_loss", "g_loss", "logits_real", "logits_fake")

    @tf.function
    def steps(iterator, n):
        sums = {name: tf.zeros([]) for name in names}
        for _ in tf.range(n):
            logs = one_step(iterator)
            sums = {name: sums[name] + logs[name] for name in names}
        return {name: sums[name] / tf.cast(n, tf.float32) for name in names}

    return steps
