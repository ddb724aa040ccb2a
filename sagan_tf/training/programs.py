"""One replica's part of a step as several XLA programs, with the sums over the replicas between them.

TensorFlow can compile a sum over replicas into a program on TPUs only. On other devices, each part of the step between
two sums is a separate program:

    images      G's images for D
    gradient    the loss of one network on this replica's batch (or microbatch), and its gradients
                    then the strategy sums gradients and loss over the replicas
    apply       the check for non-finite numbers, and Adam
    average     the moving average of G

A batch norm of each replica's own batch (SAGAN) needs the sum over the replicas for its moving averages only, which can
follow after the program. A cross-replica batch norm (BigGAN) normalizes by the sum, so that in this case no training
pass of the generator is a program; D's gradients and all updates still are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchStatistics, deferred_statistics, mean_over_replicas
from sagan_tf.models.spec import GANSpec

Compiler = Callable[[Callable], Callable]


def inline(function: Callable) -> Callable:
    """Returns the function unchanged: it becomes part of the graph or program that calls it."""
    return function


class ReplicaProgram:
    """A function of one replica, compiled as a separate XLA program.

    function: sums nothing over replicas, but for the moving averages of batch norms, which follow after the program. It
      takes tensors, None and Python values, and must not use a tensor that is not among its arguments: of several calls
      with equal shapes only the first is traced.
    """

    def __init__(self, function: Callable):
        self._function = function
        self._statistics: list[BatchStatistics] = []
        self._program = tf.function(self._without_sums, autograph=False, jit_compile=True)

    def __call__(self, *args: Any) -> Any:
        result, moments = self._program(*args)
        if moments:
            shifts = [statistics.moving()[0] for statistics in self._statistics]
            for statistics, together in zip(self._statistics, mean_over_replicas(moments, shifts), strict=True):
                statistics.follow(*together)
        return result

    def _without_sums(self, *args: Any) -> tuple[Any, list]:
        with deferred_statistics() as deferred:
            result = self._function(*args)
        self._statistics = [statistics for statistics, _ in deferred]
        return result, [moments for _, moments in deferred]


@dataclass(frozen=True, kw_only=True)
class Programs:
    """How the parts of a replica's step are compiled.

    part: for functions in which the replicas sum nothing.
    generator_pass: for functions that contain a pass of the generator in training.
    """

    part: Compiler = inline
    generator_pass: Compiler = inline


INLINE = Programs()  # the whole step is one graph, or one program


def separate_programs(spec: GANSpec) -> Programs:
    """Separate programs for all parts in which replicas that train these networks do not sum over replicas."""
    return Programs(part=ReplicaProgram, generator_pass=inline if spec.cross_replica_norm else ReplicaProgram)
