"""One update of one network: the gradient over the whole batch, applied by the optimizer if all of it is finite."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from sagan_tf.training.accumulation import accumulate
from sagan_tf.training.non_finite import GradientCheck, examine
from sagan_tf.training.optimizers import Adam
from sagan_tf.training.programs import Compiler, inline
from sagan_tf.training.state import Values, read_values, write_values

Logs = dict[str, tf.Tensor]
Rows = Sequence[tf.Tensor | None]
Gradients = tuple[list[tf.Tensor], tf.Tensor, Logs]


class Update(NamedTuple):
    """What one update reports.

    loss: scalar, over the whole batch of all replicas, the penalty included.
    learning_rate: scalar, the rate of this update, its decay included.
    logs: scalars, means over this replica's share of the batch.
    check: whether the loss and the gradients were finite, and the gradients' norms; the same on all replicas.
    t: scalar, the number by which Adam and the loss counted this update.
    """

    loss: tf.Tensor
    learning_rate: tf.Tensor
    logs: Logs
    check: GradientCheck
    t: tf.Tensor


class NetworkUpdate:
    """The updates of one network, each from the mean of a loss over the batches of all replicas.

    loss: takes the update's number t and the tensors of a batch, or the same rows of each, and returns their mean loss,
      a scalar, and the means to be logged, scalars by name. It uses no other tensors.
    non_trainable: the variables that the forward passes update: spectral norm's u and the moving statistics.
    prepare: turns the rows of a batch into those that `loss` takes, without a gradient.
    microbatches: how many parts a batch is split into; see `accumulate`.
    penalty: returns the part of the loss that depends on the weights alone, a scalar.
    after_update: is called once the optimizer has changed the weights.
    gradient_program, apply_program: how the parts before and after the sum over the replicas are compiled;
      see training/programs.py.

    If the loss or a gradient is not finite on any replica, nothing changes: the weights, the optimizer's slots and
    `non_trainable` stay as they were. Adam's t counts such an update, except in float16, where the loss scale is found
    by skipping.
    Each replica divides its loss by the number of replicas before it takes the gradient; the gradients are summed.
    """

    def __init__(
        self,
        loss: Callable[..., tuple[tf.Tensor, Logs]],
        optimizer: Adam,
        *,
        non_trainable: Mapping[str, tf.Variable],
        prepare: Callable[..., Rows] | None = None,
        microbatches: int = 1,
        penalty: Callable[[], tf.Tensor] | None = None,
        after_update: Callable[[], None] | None = None,
        gradient_program: Compiler = inline,
        apply_program: Compiler = inline,
    ):
        self._loss = loss
        self._optimizer = optimizer
        self._non_trainable = non_trainable
        self._prepare = prepare
        self._microbatches = microbatches
        self._penalty = penalty
        self._after_update = after_update
        self._gradients = gradient_program(self._gradients_of_replica)
        self._apply = apply_program(self._apply_on_replica)

    def __call__(self, batch: Rows, t: tf.Tensor, decay: tf.Tensor | float) -> Update:
        """Makes the t-th update.

        batch: this replica's share, tensors (b,...); None is passed on to `loss`.
        t: scalar integer from 1, the number of the update.
        decay: scalar in [0, 1] that multiplies the learning rate.
        """
        scale = self._optimizer.loss_scale
        t = t if scale is None else t - tf.convert_to_tensor(scale.skipped)
        before = read_values(self._non_trainable)
        run = functools.partial(self._of_microbatch, t)
        gradients, value, logs = accumulate(run, batch, self._microbatches, self._non_trainable)
        *gradients, value = tf.distribute.get_replica_context().all_reduce("SUM", [*gradients, value])
        check = self._apply(gradients, value, t, decay, before)
        return Update(value, self._optimizer.learning_rate * decay, logs, check, t)

    def _of_microbatch(self, t: tf.Tensor, first: bool, *rows: tf.Tensor | None) -> Gradients:
        penalized = first and self._penalty is not None
        return self._gradients(t, penalized, *(self._prepare(*rows) if self._prepare else rows))

    def _gradients_of_replica(self, t: tf.Tensor, penalized: bool, *rows: tf.Tensor | None) -> Gradients:
        """One microbatch's share of the update: the gradients times the loss scale, the loss, and the logs.

        penalized: whether the share includes the penalty, which one microbatch does.
        """
        variables = list(self._optimizer.variables_by_name.values())
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        factor = self._loss_factor()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            value, logs = self._loss(t, *rows)
            value = value / self._microbatches
            value = (value + self._penalty() if penalized else value) / replicas
            scaled = value * factor
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(scaled, variables)]
        return gradients, value, {name: mean / self._microbatches for name, mean in logs.items()}

    def _apply_on_replica(
        self, gradients: Sequence[tf.Tensor], value: tf.Tensor, t: tf.Tensor, decay: tf.Tensor | float, before: Values
    ) -> GradientCheck:
        """Applies all replicas' gradients if they are finite; otherwise undoes the changes of the forward passes."""
        variables, scale, factor = self._optimizer.variables_by_name, self._optimizer.loss_scale, self._loss_factor()
        check = examine(value, gradients)

        def apply() -> tf.Tensor:
            unscaled = gradients if scale is None else [g / factor for g in gradients]
            self._optimizer.apply(dict(zip(variables, unscaled, strict=True)), t, decay)
            if self._after_update is not None:
                self._after_update()
            return check.ok

        def undo() -> tf.Tensor:
            write_values(self._non_trainable, before)
            return check.ok

        tf.cond(check.ok, apply, undo)
        if scale is not None:
            scale.update(check.ok)
        return check._replace(squares=check.squares / tf.square(factor))

    def _loss_factor(self) -> tf.Tensor | float:
        scale = self._optimizer.loss_scale
        return 1.0 if scale is None else tf.convert_to_tensor(scale.scale)
