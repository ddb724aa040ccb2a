"""What the processes of one training agree on; a single process agrees with itself."""

import re

import tensorflow as tf

from sagan_tf.training.cluster import LostPeerError

# What TensorFlow raises on the other workers when one is killed, stopped, or starts again by itself.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


class Workers:
    """The processes of a strategy. The chief alone writes; `total` and `from_chief` are calls that all must make."""

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
        """The sum of each value over the workers.

        Raises:
          LostPeerError: with the name of the worker that is gone.
        """
        if self.count == 1:
            return values
        sums = self._strategy.experimental_local_results(self._sum(tf.constant(values, tf.int64)))[0]
        return tuple(int(value) // self._replicas_a_worker for value in sums)

    def from_chief(self, *values: int) -> tuple[int, ...]:
        """The chief's values, whatever the others' are."""
        return self.total(*(values if self.is_chief else (0,) * len(values)))

    def lost_peer(self, error: tf.errors.OpError) -> LostPeerError | None:
        """The same as an error with the peer's name, if that is what it says."""
        if self.count == 1 or not isinstance(error, _LOST):
            return None
        others = [int(n) for n in re.findall(r"/task:(\d+)", error.message) if int(n) != self.index]
        if not others and not self.is_chief:
            others = [0]  # whose loss the others see as a connection that was closed
        name = f"worker {others[0]} ({self.addresses[others[0]]})" if others else "another worker"
        return LostPeerError(
            f"{name} is gone: it ended, or its machine or network failed. None can rejoin: start all workers again; "
            "they go on from the last checkpoint."
        )

    @property
    def _replicas_a_worker(self) -> int:
        return self._strategy.num_replicas_in_sync // self.count

    def _sum_over_replicas(self, values: tf.Tensor) -> tf.Tensor:
        def sum_in_replica():
            return tf.distribute.get_replica_context().all_reduce("SUM", values + 0)

        return self._strategy.run(sum_in_replica)
