"""Reading and writing variables within a replica's step, so that what a pass has moved can be undone or averaged."""

from collections.abc import Mapping

import tensorflow as tf

Values = dict[str, tf.Tensor]


def take(variables: Mapping[str, tf.Variable]) -> Values:
    """The values of now; later writes don't reach them."""
    return {name: tf.convert_to_tensor(variable) for name, variable in variables.items()}


def put(variables: Mapping[str, tf.Variable], values: Values) -> None:
    """Writes as the optimizer's fused op does: every replica its own copy, from values that are alike on all of them.

    `assign` would ask the strategy to aggregate, which it can't inside `tf.cond` and loops.
    """
    for name, variable in variables.items():
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=values[name])
