"""How layers of this package are described, so that Keras can save, load and clone the models that hold them."""

from typing import Any

import tensorflow as tf

register = tf.keras.utils.register_keras_serializable(package="sagan_tf")


def describe_layer(layer: tf.keras.layers.Layer | None) -> dict | None:
    """A layer as the plain data that `layer_of` reads; None stays None."""
    return None if layer is None else tf.keras.layers.serialize(layer)


def layer_of(config: Any) -> tf.keras.layers.Layer | None:
    """The layer of a description; a layer or None is returned as it is."""
    return tf.keras.layers.deserialize(config) if isinstance(config, dict) else config


def describe_initializer(owner: tf.keras.layers.Layer, initializer: Any) -> Any:
    """A Keras initializer, or the name of one, as plain data.

    Raises:
      TypeError: for another callable, which can't be written to a file.
    """
    if isinstance(initializer, str):
        return initializer
    if isinstance(initializer, tf.keras.initializers.Initializer):
        return tf.keras.initializers.serialize(initializer)
    raise TypeError(
        f"kernel_initializer must be a Keras initializer or its name for {type(owner).__name__} to be saved; received "
        f"kernel_initializer={initializer!r}. Give its name, such as 'orthogonal', or save the weights alone."
    )


def refuse_factories(owner: tf.keras.layers.Layer, **factories: Any) -> None:
    """
    Raises:
      TypeError: if the layer was given a Python function that makes its parts, which can't be written to a file.
    """
    for name, value in factories.items():
        if value is not None:
            raise TypeError(
                f"{type(owner).__name__} must be made without {name}= to be saved with its model; received "
                f"{name}={value!r}. Describe its parts by the other arguments, or save the weights alone."
            )
