"""The check of a state before it is saved: every number finite, and the replicas' copies bit-identical."""

from collections.abc import Mapping

import tensorflow as tf

_INTEGER = {2: tf.int16, 4: tf.int32, 8: tf.int64}
_REASONS = ("holds a number that is not finite", "differs between the replicas")


class InvalidStateError(RuntimeError):
    """A state that must not be saved. The message names the variable that is wrong."""


def first_non_finite(variables: Mapping[str, tf.Variable]) -> str | None:
    """The name of the first variable with a NaN or an infinity in this host's copy; None if all are finite."""
    floating = {name: v for name, v in variables.items() if v.dtype.is_floating}
    for name, variable in floating.items():
        if not tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(variable))):
            return name
    return None


class StateCheck:
    """The check of a state on the devices that hold it. It is collective: every worker calls it at the same step.

    variables: the state by stable names; all of them are checked.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], strategy: tf.distribute.Strategy):
        self._variables = dict(variables)
        self._strategy = strategy
        # One replica has nothing to compare, and tracing hundreds of variables takes longer than a short run's checks.
        self._alone = strategy.num_replicas_in_sync == 1 and not isinstance(strategy, tf.distribute.TPUStrategy)
        self._report = tf.function(lambda: strategy.run(self._replica_report))

    def check(self, step: int) -> None:
        """Checks the state.

        step: the step of the state, for the message.

        Raises:
          InvalidStateError: if a variable holds a number that is not finite, or differs between the replicas.
        """
        if bad := self._first_bad():
            raise InvalidStateError(
                f"the state of step {step} must be finite and the same on all replicas; {bad}, and it was not saved. "
                "Repeat the command to resume from the previous checkpoint."
            )

    def _first_bad(self) -> str | None:
        """The first variable that is wrong, and why."""
        if self._alone:
            name = first_non_finite(self._variables)
            return name and f"{name} {_REASONS[0]}"
        report = self._strategy.experimental_local_results(self._report())[0].numpy()
        names = list(self._variables)
        bad = (f"{names[row.argmax()]} {reason}" for row, reason in zip(report, _REASONS, strict=True) if row.any())
        return next(bad, None)

    def _replica_report(self) -> tf.Tensor:
        """Per variable n, the number of replicas on which it is not finite, and of those on which it differs: (2,N).

        A replica's copy differs if the sum of its bit patterns is not the mean of all replicas' sums. If any two
        copies' sums are not equal, at least one replica finds that.
        """
        context = tf.distribute.get_replica_context()
        values = [tf.convert_to_tensor(v) for v in self._variables.values()]
        sums = tf.stack([_sum_of_bits(value) for value in values])
        differs = context.all_reduce("SUM", sums) != sums * context.num_replicas_in_sync
        infinite = tf.stack([_is_non_finite(value) for value in values])
        return context.all_reduce("SUM", tf.cast(tf.stack([infinite, differs]), tf.int32))


def _sum_of_bits(value: tf.Tensor) -> tf.Tensor:
    """The sum of the elements' bit patterns read as integers, a scalar int64."""
    return tf.reduce_sum(tf.cast(tf.bitcast(value, _INTEGER[value.dtype.size]), tf.int64))


def _is_non_finite(value: tf.Tensor) -> tf.Tensor:
    if not value.dtype.is_floating:
        return tf.constant(False)
    return tf.logical_not(tf.reduce_all(tf.math.is_finite(value)))
