"""Several training steps in one compiled call, and whether XLA compiles them."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.objective import Objective
from sagan_tf.training import logs
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.programs import INLINE, Programs, separate_programs
from sagan_tf.training.state import GAN
from sagan_tf.training.step import DEFAULT, StepOptions, gan_step
from sagan_tf.training.strategy import StrategyError

Xla = bool | Literal["auto"]
Compilation = Literal["none", "step", "parts"]


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
    XLA compiles one step into one program, or the parts of each replica's step into separate programs (`compilation`);
    the loop around it, which fetches the batches, stays TensorFlow's, as on TPUs.
    """
    names = logs.names(gan, objective)
    all_names = (*names, *logs.NON_FINITE)
    form = compilation(xla, strategy)
    programs = separate_programs(gan.spec) if form == "parts" else INLINE
    of_replica = replica_step(gan, objective, draw, step_options, microbatches=microbatches, programs=programs)
    program = tf.function(of_replica, autograph=False, jit_compile=True) if form == "step" else of_replica

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
    programs: Programs = INLINE,
) -> Callable:
    """What one replica computes in a step: (batches, step) -> logs. It is one program of XLA, or calls several.

    batches: `discriminator_steps` pairs of this replica's images and labels; step: scalar int64, from 0.
    logs: float32 (L,), in the order of `logs.names` and then `logs.NON_FINITE`.
    """
    names = (*logs.names(gan, objective), *logs.NON_FINITE)

    @tf.autograph.experimental.do_not_convert
    def one_step(batches, step):
        values = gan_step(gan, objective, draw, batches, step, step_options, microbatches, programs)
        return tf.stack([values[name] for name in names])

    return one_step


def check_xla(xla: Xla) -> None:
    """Checks the option's value.

    Raises:
      ValueError: unless it is True, False or "auto".
    """
    if not (isinstance(xla, bool) or xla == "auto"):
        raise ValueError(f"train.xla must be True, False or 'auto'; received train.xla={xla!r}.")


def compilation(xla: Xla, strategy: tf.distribute.Strategy) -> Compilation:
    """What must be given to XLA explicitly: nothing, the whole step, or the parts of each replica's step.

    TPUs compile everything automatically. Several replicas on other devices sum over the devices in the middle of a
    step, which TensorFlow can compile on TPUs only. Therefore the parts between the sums are separate programs
    (training/programs.py). "auto" means XLA on GPUs: on the CPU it was not faster.

    Raises:
      StrategyError: for False on TPUs.
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        if xla is False:
            raise StrategyError(
                "train.xla must not be False on TPUs, which run only compiled programs. Leave it at 'auto'."
            )
        return "none"
    if not (tf.config.list_logical_devices("GPU") if xla == "auto" else xla):
        return "none"
    return "step" if strategy.num_replicas_in_sync == 1 else "parts"


def compilation_note(xla: Xla, strategy: tf.distribute.Strategy, spec: GANSpec) -> str:
    """A sentence about which parts of a step of several replicas XLA compiles; empty for all or none."""
    if compilation(xla, strategy) != "parts":
        return ""
    replicas = strategy.num_replicas_in_sync
    if spec.cross_replica_norm:
        return (
            f"XLA compiles the discriminator's gradients and all updates of each of the {replicas} replicas. Passes of "
            "the generator stay uncompiled: its batch norm sums over the replicas within them (cross_replica_norm)."
        )
    return (
        f"XLA compiles the gradients and updates of each of the {replicas} replicas; the sums over replicas are "
        "computed between them."
    )
