"""Several training steps in one compiled call, and whether XLA compiles them."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from sagan_tf.objectives.objective import Objective
from sagan_tf.training import logs
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.state import GAN
from sagan_tf.training.step import DEFAULT, StepOptions, gan_step
from sagan_tf.training.strategy import StrategyError

Xla = bool | Literal["auto"]


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
    """A function that runs several steps in one call: (iterator, n) -> logs.

    iterator: of `strategy`'s distributed batches; each step takes `discriminator_steps` of them.
    n: scalar int32 tensor, the number of steps; one compilation serves every n.
    logs: those of training/logs.py, float32 scalars, aggregated over the n steps and all replicas.

    The function's attribute `tensor_names` holds the names of what the log `bad_tensor` counts.
    XLA compiles one step into one program; the loop around it, which fetches the batches, stays TensorFlow's, as on
    TPUs.
    """
    names = logs.names(gan, objective)
    all_names = (*names, *logs.NON_FINITE)
    of_replica = replica_step(gan, objective, draw, step_options, microbatches=microbatches)
    program = tf.function(of_replica, autograph=False, jit_compile=True) if compiles(xla, strategy) else of_replica

    @tf.function(autograph=False)
    def steps(iterator, n):
        def one_step() -> logs.Logs:
            batches = [iterator.get_next() for _ in range(discriminator_steps)]
            values = strategy.run(lambda *args: program(*args), args=(batches, gan.step.read_value()))
            gan.step.assign_add(1)
            return dict(zip(all_names, tf.unstack(strategy.reduce("MEAN", values, axis=None)), strict=True))

        return logs.over_steps(one_step, n, names)

    steps.tensor_names = logs.tensor_names(gan.d_trainable, gan.g_trainable)
    return steps


def replica_step(
    gan: GAN,
    objective: Objective,
    draw: LatentSampler,
    step_options: StepOptions = DEFAULT,
    *,
    microbatches: int = 1,
) -> Callable:
    """What one replica computes in a step, the program that XLA compiles: (batches, step) -> logs.

    batches: `discriminator_steps` pairs of this replica's images and labels; step: scalar int64, from 0.
    logs: float32 (L,), in the order of `logs.names` and then `logs.NON_FINITE`.
    """
    names = (*logs.names(gan, objective), *logs.NON_FINITE)

    @tf.autograph.experimental.do_not_convert
    def one_step(batches, step):
        values = gan_step(gan, objective, draw, batches, step, step_options, microbatches)
        return tf.stack([values[name] for name in names])

    return one_step


def check_xla(xla: Xla) -> None:
    """Checks the option's value.

    Raises:
      ValueError: unless it is True, False or "auto".
    """
    if not (isinstance(xla, bool) or xla == "auto"):
        raise ValueError(f"train.xla must be True, False or 'auto'; received train.xla={xla!r}.")


def compiles(xla: Xla, strategy: tf.distribute.Strategy) -> bool:
    """Whether the steps must be given to XLA explicitly. TPUs compile everything by themselves.

    "auto" means XLA on one GPU. On the CPU it was not faster, and several replicas reduce between their devices in the
    middle of a step, which TensorFlow can compile on TPUs only.

    Raises:
      StrategyError: for True with several replicas, or False on TPUs.
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        if xla is False:
            raise StrategyError("train.xla must not be False on TPUs, which run nothing else. Leave it at 'auto'.")
        return False
    replicas = strategy.num_replicas_in_sync
    if xla is True and replicas > 1:
        raise StrategyError(
            f"train.xla must not be True with several replicas; received train.xla=True for {replicas} replicas. "
            "Use 'auto', or one device."
        )
    return replicas == 1 and (bool(tf.config.list_logical_devices("GPU")) if xla == "auto" else xla)
