"""Devices by name: which tf.distribute strategy trains, and a proof at start that its replicas add up."""

from collections.abc import Callable
from typing import Literal, get_args

import tensorflow as tf

StrategyName = Literal["auto", "cpu", "gpu", "mirrored"]


class StrategyError(ValueError):
    """The devices asked for are not there, or don't fit the batch."""


def create_strategy(name: StrategyName = "auto", say: Callable[[str], None] = print) -> tf.distribute.Strategy:
    """The strategy by name.

    auto: all GPUs if there are several, else the one GPU or the CPU. cpu, gpu: one device. mirrored: every GPU, or
    every logical CPU device where there is no GPU.

    Raises:
      StrategyError: for an unknown name, or "gpu" without a GPU.
    """
    if name not in get_args(StrategyName):
        raise StrategyError(f"strategy must be one of {', '.join(get_args(StrategyName))}; received strategy={name!r}.")
    gpus = [d.name for d in tf.config.list_logical_devices("GPU")]
    cpus = [d.name for d in tf.config.list_logical_devices("CPU")]
    if name == "gpu" and not gpus:
        raise StrategyError("strategy='gpu' needs a GPU that TensorFlow sees; found none. Use --strategy=cpu.")
    if name == "cpu":
        strategy = tf.distribute.OneDeviceStrategy(cpus[0])
    elif name == "gpu":
        strategy = tf.distribute.OneDeviceStrategy(gpus[0])
    elif name == "mirrored" or len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy(gpus or cpus)
    else:
        strategy = tf.distribute.get_strategy()
    check_all_reduce(strategy)
    devices = strategy.extended.worker_devices if strategy.num_replicas_in_sync > 1 else (gpus or cpus)[:1]
    say(f"Training on {strategy.num_replicas_in_sync} replica(s): {', '.join(devices)}")
    return strategy


def check_all_reduce(strategy: tf.distribute.Strategy) -> None:
    """Sums one to R over the replicas: a wrong sum would train wrong weights in silence.

    Raises:
      StrategyError: if the sum is wrong.
    """

    def replica_sum():
        context = tf.distribute.get_replica_context()
        one = tf.cast(context.replica_id_in_sync_group + 1, tf.float32)
        return context.all_reduce("SUM", one)

    replicas = strategy.num_replicas_in_sync
    sums = strategy.experimental_local_results(strategy.run(tf.function(replica_sum)))
    if any(int(s) != replicas * (replicas + 1) // 2 for s in sums):
        raise StrategyError(f"the all-reduce self-test failed: {[float(s) for s in sums]} for {replicas} replicas.")


def check_batch_size(batch_size: int, replicas: int) -> None:
    """Raises StrategyError unless the batch is divisible by the replicas."""
    if batch_size % replicas:
        raise StrategyError(
            f"batch_size must be divisible by the number of replicas; received batch_size={batch_size} for "
            f"{replicas} replicas. Use a multiple of {replicas}."
        )
