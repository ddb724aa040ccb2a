"""Layers that keep their inputs alone and compute their inside again when the gradient needs it (Chen et al. 2016)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import tensorflow as tf

from sagan_tf.layers.copies import copy_with
from sagan_tf.layers.naming import as_variable, named_variables

Layer = tf.keras.layers.Layer


def runner(recompute: Literal["none", "blocks"]) -> Callable[..., tf.Tensor]:
    """How a network calls its blocks: run(layer, *inputs, training=...)."""
    return recomputed if recompute == "blocks" else _plain


def _plain(layer: Layer, *inputs: tf.Tensor, training: bool) -> tf.Tensor:
    return layer(*inputs, training=training)


def recomputed(layer: Layer, *inputs: tf.Tensor, training: bool) -> tf.Tensor:
    """layer(*inputs, training=training), the same numbers and gradients, with less memory between the two passes.

    The first of `inputs` is the map. All weights enter as tensors read before the first pass, so that the second one
    sees the same u and statistics; what the layer stores (u, moving statistics) it stores in the first pass alone. With
    cross-replica norms the second pass does their all-reduce again. The gradient can be differentiated again (R1).
    """
    if not layer.built:
        return layer(*inputs, training=training)
    variables = list(named_variables(layer).values())
    values = [tf.convert_to_tensor(v) for v in variables]
    n_inputs = sum(x.dtype.is_floating for x in inputs)

    def call(tensors: Sequence[tf.Tensor], storing: bool) -> tf.Tensor:
        given, weights = iter(tensors[:n_inputs]), tensors[n_inputs:]
        stands = {id(v): _Stand(value, v if storing else None) for v, value in zip(variables, weights, strict=True)}
        arguments = [next(given) if x.dtype.is_floating else x for x in inputs]
        return _standing_in(layer, stands)(*arguments, training=training)

    @tf.custom_gradient
    def run(*tensors):
        def gradient(d_out):
            with tf.control_dependencies([d_out]), tf.GradientTape(watch_accessed_variables=False) as tape:
                again = [_after(d_out, tensors[0]), *map(tf.identity, tensors[1:])]
                tape.watch(again)
                out = call(again, storing=False)
            gradients = tape.gradient(out, again, d_out, unconnected_gradients="zero")
            return [tf.convert_to_tensor(g) for g in gradients]  # those of tables are slices

        return call(tensors, storing=True), gradient

    return run(*(x for x in inputs if x.dtype.is_floating), *values)


def _after(d_out: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """x, not available before d_out is. A compiler that drops control dependencies would merge the second pass with the
    first; 0 * d_out it must compute, since that is NaN where d_out isn't finite."""
    zero = 0.0 * tf.reshape(d_out, [-1])[0]
    return x + tf.cast(zero, x.dtype)


class _Stand:
    """A tensor in a variable's place: read as one, and stored into `variable`, or nowhere."""

    def __init__(self, value: tf.Tensor, variable: tf.Variable | None):
        self._value = value
        self._variable = variable

    def __tf_tensor__(self, dtype=None, name=None) -> tf.Tensor:
        return self._value

    def assign(self, value: tf.Tensor) -> None:
        if self._variable is not None:
            self._variable.assign(value)


def _standing_in(layer: Layer, stands: dict[int, _Stand]) -> Layer:
    """The layer with tensors in its variables' places."""

    def change(copy: Layer, name: str, value: Any) -> Any:
        if isinstance(value, Layer):
            return copy_with(value, change)
        variable = as_variable(value)
        return value if variable is None else stands[id(variable)]

    return copy_with(layer, change)
