"""Several training steps in one compiled call: what the device runs between two looks of the host."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from sagan_tf.objectives.objective import Objective
from sagan_tf.training import logs
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.non_finite import tensor_names
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


def check_xla(xla: Xla) -> None:
    """Raises ValueError unless xla is True, False or "auto"."""
    if not (isinstance(xla, bool) or xla == "auto"):
        raise ValueError(f"train.xla must be True, False or 'auto'; received train.xla={xla!r}.")


def compiles(xla: Xla, strategy: tf.distribute.Strategy) -> bool:
    """Whether a step is to be given to XLA here; TPUs compile whatever they are given by themselves.

    auto: on one GPU. On the CPU it was not faster; several replicas reduce between their devices in the middle of a
    step, which TensorFlow can't compile but for TPUs.

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
