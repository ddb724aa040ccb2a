"""Whether a state may be saved: every number finite, and every replica's copy the same to the bit."""

from collections.abc import Mapping

import tensorflow as tf

_INTEGER = {2: tf.int16, 4: tf.int32, 8: tf.int64}
_REASONS = ("holds a number that is not finite", "differs between the replicas")


class InvalidStateError(RuntimeError):
    """A state that must not be saved. The message names the variable."""


def first_non_finite(variables: Mapping[str, tf.Variable]) -> str | None:
    """The name of the first variable with a NaN or an infinity, by this host's copies."""
    floating = {name: v for name, v in variables.items() if v.dtype.is_floating}
    for name, variable in floating.items():
        if not tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(variable))):
            return name
    return None


class StateCheck:
    """The check of one state on the devices that hold it; a collective: every worker calls it at the same step."""

    def __init__(self, variables: Mapping[str, tf.Variable], strategy: tf.distribute.Strategy):
        self._variables = dict(variables)
        self._strategy = strategy
        self._report = tf.function(lambda: strategy.run(self._replica_report))

    def check(self, step: int) -> None:
        """
        Raises:
          InvalidStateError: with the first variable that holds a non-finite number, or that replicas disagree on.
        """
        report = self._strategy.experimental_local_results(self._report())[0].numpy()
        names = list(self._variables)
        for row, reason in zip(report, _REASONS, strict=True):
            if row.any():
                raise InvalidStateError(
                    f"the state of step {step} must be finite and the same on all replicas; {names[row.argmax()]} "
                    f"{reason}, and it was not saved. Repeat the command to go on from the checkpoint before it."
                )

    def _replica_report(self) -> tf.Tensor:
        """(2,N): on how many replicas variable n is not finite, and on how many it differs from the replicas' mean.

        The sums of the copies' bit patterns are equal on all replicas only if no replica differs from their mean.
        """
        context = tf.distribute.get_replica_context()
        values = [tf.convert_to_tensor(v) for v in self._variables.values()]
        sums = tf.stack([_sum_of_bits(value) for value in values])
        differs = context.all_reduce("SUM", sums) != sums * context.num_replicas_in_sync
        infinite = tf.stack([_is_non_finite(value) for value in values])
        return context.all_reduce("SUM", tf.cast(tf.stack([infinite, differs]), tf.int32))


def _sum_of_bits(value: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(tf.bitcast(value, _INTEGER[value.dtype.size]), tf.int64))


def _is_non_finite(value: tf.Tensor) -> tf.Tensor:
    if not value.dtype.is_floating:
        return tf.constant(False)
    return tf.logical_not(tf.reduce_all(tf.math.is_finite(value)))
