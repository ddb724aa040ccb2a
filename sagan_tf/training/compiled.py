"""Several training steps in one compiled call: what the device runs between two looks of the host."""

from collections.abc import Callable

import tensorflow as tf

from sagan_tf.objectives.objective import Objective
from sagan_tf.training import logs
from sagan_tf.training.gradient_check import tensor_names
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.state import GAN
from sagan_tf.training.step import gan_step
from sagan_tf.training.step_options import DEFAULT, StepOptions
from sagan_tf.training.xla import Xla, compiles


def compile_steps(
    gan: GAN,
    objective: Objective,
    draw: LatentSampler,
    strategy: tf.distribute.Strategy,
    discriminator_steps: int,
    step_options: StepOptions = DEFAULT,
    *,
    microbatches: int = 1,
    xla: Xla = "auto",
) -> Callable:
    """n steps in one call: (iterator, n) -> the logs of training/logs.py over the n steps and all replicas.

    n is a tensor: one compilation serves all n. `tensor_names` of the result names what `bad_tensor` counts.
    With XLA a step is one program; the loop around it, which fetches the batches, is TensorFlow's, as on TPUs.
    """
    names = logs.names(gan, objective)

    @tf.autograph.experimental.do_not_convert
    def replica_step(batches, step):
        found = gan_step(gan, objective, draw, batches, step, step_options, microbatches)
        return tf.stack([found[name] for name in (*names, *logs.GUARD)])

    program = tf.function(replica_step, autograph=False, jit_compile=True) if compiles(xla, strategy) else replica_step

    @tf.function(autograph=False)
    def steps(iterator, n):
        def one_step() -> logs.Logs:
            batches = [iterator.get_next() for _ in range(discriminator_steps)]
            found = strategy.run(lambda *args: program(*args), args=(batches, gan.step.read_value()))
            gan.step.assign_add(1)
            found = tf.unstack(strategy.reduce("MEAN", found, axis=None))
            return dict(zip((*names, *logs.GUARD), found, strict=True))

        return logs.over_steps(one_step, n, names)

    steps.tensor_names = tensor_names(gan.d_trainable, gan.g_trainable)
    return steps
