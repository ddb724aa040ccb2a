"""Agreement between the worker processes of one run; trivial for a single process."""

import re

import tensorflow as tf

from sagan_tf.training.cluster import LostPeerError

# What TensorFlow raises on the other workers when one of them is killed, is stopped, or restarts on its own.
_LOST_PEER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class Workers:
    """The worker processes of a strategy.

    Only the chief writes files. `total` and `from_chief` are collective calls, which every worker must make.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        resolver = strategy.cluster_resolver
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self.addresses = tuple(resolver.cluster_spec().as_dict().get("worker", ())) if several else ()
        self.count = max(len(self.addresses), 1)
        self.index = resolver.task_id if self.count > 1 else 0
        self._strategy = strategy
        self._sum = tf.function(self._sum_over_replicas)

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def total(self, *values: int) -> tuple[int, ...]:
        """The sum of each value over the workers."""
        if self.count == 1:
            return values
        sums = self._strategy.experimental_local_results(self._sum(tf.constant(values, tf.int64)))[0]
        return tuple(int(value) // self._replicas_per_worker for value in sums)

    def from_chief(self, *values: int) -> tuple[int, ...]:
        """The chief's values; those of the other workers are ignored."""
        return self.total(*(values if self.is_chief else (0,) * len(values)))

    def lost_peer(self, error: tf.errors.OpError) -> LostPeerError | None:
        """The error to raise instead, with the lost worker's name, if TensorFlow's error means that one is lost."""
        if self.count == 1 or not isinstance(error, _LOST_PEER_ERRORS):
            return None
        others = [int(n) for n in re.findall(r"/task:(\d+)", error.message) if int(n) != self.index]
        if not others and not self.is_chief:
            others = [0]  # the others see the loss of the chief as a closed connection
        name = f"worker {others[0]} ({self.addresses[others[0]]})" if others else "another worker"
        return LostPeerError(
            f"{name} is lost: it ended, or its machine or network failed. No worker can rejoin. Restart all "
            "workers; they resume from the last checkpoint."
        )

    @property
    def _replicas_per_worker(self) -> int:
        return self._strategy.num_replicas_in_sync // self.count

    def _sum_over_replicas(self, values: tf.Tensor) -> tf.Tensor:
        def sum_in_replica():
            return tf.distribute.get_replica_context().all_reduce("SUM", values + 0)

        return self._strategy.run(sum_in_replica)
