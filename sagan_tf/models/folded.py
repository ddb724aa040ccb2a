"""A generator for inference alone: the same network, with everything that depends on the weights alone done once."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchNorm
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.folded import constant, fold_linear, fold_norm
from sagan_tf.layers.linear import KernelLayer
from sagan_tf.layers.naming import as_variable
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.models.generator import Generator

Layer = tf.keras.layers.Layer


def fold(generator: Generator, statistics: Mapping[Layer, Layer] | None = None) -> Generator:
    """A copy whose kernels are normalized, spread and cast, and whose norms are one multiply and one add.

    The copy has the generator's `spec` and `numerics` and is called alike, `(z, y)` or `(z, y, training=False)`; the
    images are the same to rounding (1e-6 in float32). It holds no u, no statistics and nothing of the original: later
    updates of that don't reach it, so fold once the weights and (standing) statistics are there. Norms that divide by
    the batch's own moments in inference stay as they are. To save it for TensorFlow alone, keep
    `named_variables(folded)` beside the tf.function that calls it, not the network itself, which is Keras' object.

    statistics: layers to stand in the copy for the statistics of norms, which are then not folded.

    Raises:
      ValueError: when called with training=True.
    """
    return _copy(generator, generator.numerics.dtype, statistics or {})


def _fold(layer: Layer, dtype: tf.DType, statistics: Mapping[Layer, Layer]) -> Layer:
    """The folded form of one layer; dtype: of the maps."""
    if layer in statistics:
        return statistics[layer]
    if isinstance(layer, SpectralNorm | KernelLayer):
        return fold_linear(layer, dtype)
    norm = isinstance(layer, BatchNorm | ConditionalBatchNorm)
    if norm and layer.statistics.inference == "moving" and layer.statistics not in statistics:
        return fold_norm(layer)
    return _copy(layer, dtype, statistics)


def _copy(layer: Layer, dtype: tf.DType, statistics: Mapping[Layer, Layer]) -> Layer:
    """A layer of the same class with its attributes folded, without running its constructor."""
    copy = type(layer).__new__(type(layer))
    if isinstance(layer, tf.keras.Model):
        tf.keras.Model.__init__(copy, name=layer.name)
    else:
        Layer.__init__(copy, autocast=False)
    for name, value in vars(layer).items():
        if not name.startswith("_") and name not in vars(copy):
            setattr(copy, name, _folded_attribute(copy, name, value, dtype, statistics))
    copy.built = True
    return copy


def _folded_attribute(copy: Layer, name: str, value: Any, dtype: tf.DType, statistics: Mapping[Layer, Layer]) -> Any:
    if isinstance(value, Layer):
        return _fold(value, dtype, statistics)
    if isinstance(value, list):
        return [None if layer is None else _fold(layer, dtype, statistics) for layer in value]
    if (variable := as_variable(value)) is not None:
        return constant(copy, name, tf.convert_to_tensor(variable))
    return value
