"""How the layers follow Keras' dtype policies, alike under Keras 3 and tf_keras.

Weights and statistics are stored and read in float32 under every policy. A floating input is cast to the policy's
compute type when that is not float32. Under the default policy it keeps its own type, which then is the type of the
arithmetic: the networks of this package choose their precision by the type of their maps.
"""

import inspect
from typing import Any

import tensorflow as tf

# Both Kerases cast variables when they are read inside a layer's call under a mixed policy. This argument of add_weight
# turns it off: "autocast" in Keras 3, "experimental_autocast" in tf_keras.
_KERAS_3 = "autocast" in inspect.signature(tf.keras.layers.Layer.add_weight).parameters
_READ_AS_STORED = {"autocast" if _KERAS_3 else "experimental_autocast": False}


def add_float32_weight(
    layer: tf.keras.layers.Layer, name: str, shape: tuple[int, ...], initializer: Any, *, trainable: bool = True
):
    """Adds a weight to `layer` that is float32 whatever the layer's dtype policy says."""
    return layer.add_weight(
        name=name, shape=shape, initializer=initializer, trainable=trainable, dtype="float32", **_READ_AS_STORED
    )


def in_compute_dtype(layer: tf.keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    """x in the compute type of the layer's policy; integers, and anything under a float32 policy, stay as they are."""
    x = tf.convert_to_tensor(x)
    if layer.compute_dtype == "float32" or not x.dtype.is_floating:
        return x
    return tf.cast(x, layer.compute_dtype)
