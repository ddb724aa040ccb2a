"""One replica's training step as XLA's HLO, for compilers of devices that this process does not need to have."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from sagan_tf.layers.target_platform import Platform, targeting


class ReplicaOfMany(tf.distribute.ReplicaContext):
    """One of several replicas of a single program: sums over replicas become XLA's all-reduce, as on TPUs.

    Unlike a strategy's own context it needs no devices. What is traced in it can be lowered, not run.
    """

    def __init__(self, replicas: int):
        super().__init__(tf.distribute.get_strategy(), replica_id_in_sync_group=0)
        self._replicas = replicas

    @property
    def num_replicas_in_sync(self) -> int:
        return self._replicas

    @property
    def replica_id_in_sync_group(self) -> tf.Tensor:
        return _xla_ops().xla_replica_id()

    def all_reduce(self, reduce_op: str | tf.distribute.ReduceOp, value: Any, options: Any = None) -> Any:
        mean = "MEAN" in str(reduce_op).upper()

        def reduced(x: tf.Tensor) -> tf.Tensor:
            total = _xla_ops().xla_all_reduce(x, [list(range(self._replicas))], "Add", "CrossReplica")
            return total / self._replicas if mean else total

        @tf.custom_gradient
        def differentiable(x: tf.Tensor):
            return reduced(x), reduced

        return tf.nest.map_structure(differentiable, value)


def _xla_ops():
    """TensorFlow's XLA operations, which it registers on import and does not export."""
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    return gen_xla_ops


def lower(
    step: Callable, *, platform: Platform, batch_size: int, resolution: int, discriminator_steps: int, replicas: int = 1
) -> bytes:
    """Lowers a `replica_step` for a platform to a serialized HloModuleProto.

    platform: whose algorithms the layers choose. The module itself is the same for all of them.
    batch_size: images of one replica.
    replicas: over how many the sums run.

    The module's parameters are the step's number, the images and labels of each update of D, and the state, which the
    results alias. The networks must have been built within `targeting(platform)`.
    """

    @tf.function(autograph=False, jit_compile=True)
    def program(number: tf.Tensor, *flat: tf.Tensor) -> tf.Tensor:
        batches = [flat[i : i + 2] for i in range(0, len(flat), 2)]
        if replicas == 1:
            return step(batches, number)
        with ReplicaOfMany(replicas):
            return step(batches, number)

    images = tf.TensorSpec([batch_size, resolution, resolution, 3], tf.float32)
    pairs = [images, tf.TensorSpec([batch_size], tf.int32)] * discriminator_steps
    with targeting(platform):
        return program.experimental_get_compiler_ir(tf.TensorSpec([], tf.int64), *pairs)(stage="hlo_serialized")
