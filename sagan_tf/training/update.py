"""One update of one network: the gradient over the whole batch, and the optimizer if all of it is finite."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from sagan_tf.training.accumulation import accumulate
from sagan_tf.training.non_finite import GradientCheck, examine
from sagan_tf.training.optimizers import Adam
from sagan_tf.training.state import put, take

Logs = dict[str, tf.Tensor]


class Update(NamedTuple):
    """loss: over the whole batch of all replicas. logs: this replica's. health: the same on all replicas."""

    loss: tf.Tensor
    learning_rate: tf.Tensor
    logs: Logs
    health: GradientCheck


def minimize(
    loss: Callable[..., tuple[tf.Tensor, Logs]],
    batch: Sequence[tf.Tensor | None],
    optimizer: Adam,
    t: tf.Tensor,
    decay: tf.Tensor | float,
    *,
    moved: Mapping[str, tf.Variable],
    microbatches: int = 1,
    penalty: Callable[[], tf.Tensor] | None = None,
    then: Callable[[], None] | None = None,
) -> Update:
    """The t-th update (from 1) of the optimizer's variables, by the mean over all replicas' batches, at lr * decay.

    loss: (*batch) -> a mean over those rows, and what else to log of them. penalty: the loss's part that looks at no
    batch. moved: what the passes move beside (u, moving statistics). then: what follows the optimizer.

    If the loss or a gradient is not finite on any replica, nothing changes: weights, slots and `moved` stay as they
    were. Adam's t goes on, but in float16, where skipping is how the loss scale is found.
    Each replica's loss is divided by the replica count before its gradient is taken, and the gradients are summed.
    """
    variables, scale = optimizer.variables_by_name, optimizer.loss_scale
    context = tf.distribute.get_replica_context()
    factor = 1.0 if scale is None else tf.convert_to_tensor(scale.scale)
    t = t if scale is None else t - tf.convert_to_tensor(scale.skipped)
    before = take(moved)

    def run(first: bool, *rows):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(list(variables.values()))
            value, logs = loss(*rows)
            value = value / microbatches
            value = (value + penalty() if penalty and first else value) / context.num_replicas_in_sync
            scaled = value * factor
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(scaled, list(variables.values()))]
        return gradients, value, {name: mean / microbatches for name, mean in logs.items()}

    gradients, value, logs = accumulate(run, batch, microbatches, moved)
    *gradients, value = context.all_reduce("SUM", [*gradients, value])
    health = examine(value, gradients)

    def apply() -> tf.Tensor:
        unscaled = gradients if scale is None else [g / factor for g in gradients]
        optimizer.apply(dict(zip(variables, unscaled, strict=True)), t, decay)
        if then is not None:
            then()
        return health.ok

    def undo() -> tf.Tensor:
        put(moved, before)
        return health.ok

    tf.cond(health.ok, apply, undo)
    if scale is not None:
        scale.update(health.ok)
    return Update(value, optimizer.learning_rate * decay, logs, health._replace(norm=health.norm / factor))
