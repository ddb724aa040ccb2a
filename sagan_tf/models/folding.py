"""A generator for inference alone: the same network, with everything that depends on the weights alone done once."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchNorm, BatchStatistics
from sagan_tf.layers.clone import clone_with
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.inference import constant, fold_linear, fold_norm
from sagan_tf.layers.linear import KernelLayer
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.layers.variable_names import as_variable
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
    dtype, stand_ins = generator.numerics.dtype, statistics or {}

    def is_constant(moments: BatchStatistics) -> bool:
        return moments.inference == "moving" and moments not in stand_ins

    def folded(copy: Layer, name: str, value: Any) -> Any:
        if isinstance(value, SpectralNorm | KernelLayer):
            return fold_linear(value, dtype)
        if isinstance(value, BatchNorm | ConditionalBatchNorm) and is_constant(value.statistics):
            return fold_norm(value)
        if isinstance(value, Layer):
            return stand_ins[value] if value in stand_ins else clone_with(value, folded)
        variable = as_variable(value)
        return value if variable is None else constant(copy, name, tf.convert_to_tensor(variable))

    return clone_with(generator, folded)
