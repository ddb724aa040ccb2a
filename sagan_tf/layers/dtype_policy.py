"""How the layers follow the dtype policies of Keras, under both Keras 3 and tf_keras.

Weights and statistics are stored and read in float32 under every policy. A floating-point input is cast to the policy's
compute dtype if that is not float32. Under the default policy the input keeps its own dtype, which is then the dtype of
the arithmetic: the networks of this package choose their precision by the dtype of their maps. Their layers have the
default policy, whatever the program's global one is.
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# Both Keras flavors cast a variable when a layer's call reads it under a mixed policy. This argument of add_weight
# prevents that: "autocast" in Keras 3, "experimental_autocast" in tf_keras.
_KERAS_3 = "autocast" in inspect.signature(tf.keras.layers.Layer.add_weight).parameters
_READ_AS_STORED = {"autocast" if _KERAS_3 else "experimental_autocast": False}


def add_float32_weight(
    layer: tf.keras.layers.Layer, name: str, shape: tuple[int, ...], initializer: Any, *, trainable: bool = True
):
    """Adds a weight to `layer` that is stored and read in float32 under every dtype policy."""
    return layer.add_weight(
        name=name, shape=shape, initializer=initializer, trainable=trainable, dtype="float32", **_READ_AS_STORED
    )


def in_compute_dtype(layer: tf.keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    """Casts x to the compute dtype of the layer's policy, except integers and under a float32 policy."""
    x = tf.convert_to_tensor(x)
    if layer.compute_dtype == "float32" or not x.dtype.is_floating:
        return x
    return tf.cast(x, layer.compute_dtype)


@contextlib.contextmanager
def float32_policy() -> Iterator[None]:
    """In the block, layers are made with Keras' default policy, whatever the program's global one is."""
    former = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(former)


def at_least_float32(dtype: tf.DType) -> tf.DType:
    """The dtype of sums and of a softmax over values of this dtype: float32, or float64 for float64."""
    return tf.float64 if dtype == tf.float64 else tf.float32
