"""How the layers follow the dtype policies of Keras, under both Keras 3 and tf_keras.

Weights and statistics are stored and read in float32 under every policy. A floating-point input is cast to the policy's
compute dtype if that is not float32. Under the default policy the input keeps its own dtype, which is then the dtype of
the arithmetic: the networks of this package choose their precision by the dtype of their maps. Their layers have the
default policy, whatever the program's global one is. Integer maps, such as images of bytes, are cast to the compute
dtype under every policy, since kernels in integers would be zeros; integers are labels to tables alone.
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# Both Keras flavors cast a variable when a layer's call reads it under a mixed policy. This argument of add_weight
# prevents that: "autocast" in Keras 3, "experimental_autocast" in tf_keras.
IS_KERAS_3 = "autocast" in inspect.signature(tf.keras.layers.Layer.add_weight).parameters
_READ_AS_STORED = {"autocast" if IS_KERAS_3 else "experimental_autocast": False}


def add_float32_weight(
    layer: tf.keras.layers.Layer, name: str, shape: tuple[int, ...], initializer: Any, *, trainable: bool = True
):
    """Adds a weight to `layer` that is stored and read in float32 under every dtype policy."""
    return layer.add_weight(
        name=name, shape=shape, initializer=initializer, trainable=trainable, dtype="float32", **_READ_AS_STORED
    )


def in_compute_dtype(layer: tf.keras.layers.Layer, x: tf.Tensor, *, labels: bool = False) -> tf.Tensor:
    """Casts x to the compute dtype of the layer's policy, except floating-point numbers under a float32 policy.

    labels: whether integers are labels, which stay as they are.
    """
    x = tf.convert_to_tensor(x)
    stays = layer.compute_dtype == "float32" if x.dtype.is_floating else labels
    return x if stays else tf.cast(x, layer.compute_dtype)


def as_indices(labels: tf.Tensor) -> tf.Tensor:
    """Labels of any integer or floating-point type as int32 or int64, which are the types that tf.gather takes."""
    if labels.dtype in (tf.int32, tf.int64):
        return labels
    return tf.cast(labels, tf.int64 if labels.dtype in (tf.uint32, tf.uint64) else tf.int32)


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
