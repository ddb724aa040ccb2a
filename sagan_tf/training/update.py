"""One update of one network: the gradient over the whole batch, applied by the optimizer if all of it is finite."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from sagan_tf.training.accumulation import accumulate
from sagan_tf.training.non_finite import GradientCheck, examine
from sagan_tf.training.optimizers import Adam
from sagan_tf.training.state import read_values, write_values

Logs = dict[str, tf.Tensor]


class Update(NamedTuple):
    """What one update reports, in scalars.

    loss: over the whole batch of all replicas, the penalty included.
    learning_rate: the rate of this update, its decay included.
    logs: means over this replica's share of the batch.
    check: whether the loss and the gradients were finite, and the gradients' norm; the same on all replicas.
    """

    loss: tf.Tensor
    learning_rate: tf.Tensor
    logs: Logs
    check: GradientCheck


def minimize(
    loss: Callable[..., tuple[tf.Tensor, Logs]],
    batch: Sequence[tf.Tensor | None],
    optimizer: Adam,
    t: tf.Tensor,
    decay: tf.Tensor | float,
    *,
    non_trainable: Mapping[str, tf.Variable],
    microbatches: int = 1,
    penalty: Callable[[], tf.Tensor] | None = None,
    after_update: Callable[[], None] | None = None,
) -> Update:
    """Makes the t-th update of the optimizer's variables, from the mean of the loss over the batches of all replicas.

    loss: takes the tensors of `batch`, or the same rows of each, and returns their mean loss, a scalar, and the means
      to be logged, scalars by name.
    batch: this replica's share, tensors (b,...); None is passed on to `loss`.
    t: scalar integer from 1, the number of the update.
    decay: scalar in [0, 1] that multiplies the learning rate.
    non_trainable: the variables that the forward passes update: spectral norm's u and the moving statistics.
    microbatches: how many parts the batch is split into; see `accumulate`.
    penalty: returns the part of the loss that depends on the weights alone, a scalar.
    after_update: is called once the optimizer has changed the weights.

    If the loss or a gradient is not finite on any replica, nothing changes: the weights, the optimizer's slots and
    `non_trainable` stay as they were. Adam's t counts such an update, except in float16, where the loss scale is found
    by skipping.
    Each replica divides its loss by the number of replicas before it takes the gradient; the gradients are summed.
    """
    variables, scale = optimizer.variables_by_name, optimizer.loss_scale
    context = tf.distribute.get_replica_context()
    factor = 1.0 if scale is None else tf.convert_to_tensor(scale.scale)
    t = t if scale is None else t - tf.convert_to_tensor(scale.skipped)
    before = read_values(non_trainable)

    run = functools.partial(_gradients, loss, penalty, list(variables.values()), factor, microbatches)
    gradients, value, logs = accumulate(run, batch, microbatches, non_trainable)
    *gradients, value = context.all_reduce("SUM", [*gradients, value])
    check = examine(value, gradients)

    def apply() -> tf.Tensor:
        unscaled = gradients if scale is None else [g / factor for g in gradients]
        optimizer.apply(dict(zip(variables, unscaled, strict=True)), t, decay)
        if after_update is not None:
            after_update()
        return check.ok

    def undo() -> tf.Tensor:
        write_values(non_trainable, before)
        return check.ok

    tf.cond(check.ok, apply, undo)
    if scale is not None:
        scale.update(check.ok)
    return Update(value, optimizer.learning_rate * decay, logs, check._replace(norm=check.norm / factor))


def _gradients(
    loss: Callable[..., tuple[tf.Tensor, Logs]],
    penalty: Callable[[], tf.Tensor] | None,
    variables: Sequence[tf.Variable],
    factor: tf.Tensor | float,
    microbatches: int,
    first: bool,
    *rows: tf.Tensor | None,
) -> tuple[list[tf.Tensor], tf.Tensor, Logs]:
    """One microbatch's share of the update: the gradients times the loss scale `factor`, the loss, and the logs.

    The first microbatch includes the penalty.
    """
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        value, logs = loss(*rows)
        value = value / microbatches
        value = (value + penalty() if penalty and first else value) / replicas
        scaled = value * factor
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(scaled, variables)]
    return gradients, value, {name: mean / microbatches for name, mean in logs.items()}
