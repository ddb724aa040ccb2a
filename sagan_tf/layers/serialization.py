"""Serialization of layers, so that Keras can save, load and clone the models that hold them."""

from typing import Any

import tensorflow as tf

from sagan_tf.layers.dtype_policy import IS_KERAS_3

register = tf.keras.utils.register_keras_serializable(package="sagan_tf")


def serialize_layer(layer: tf.keras.layers.Layer | None) -> dict | None:
    """A layer as plain data, which `deserialize_layer` reads; None for None."""
    return None if layer is None else tf.keras.layers.serialize(layer)


def deserialize_layer(config: Any) -> tf.keras.layers.Layer | None:
    """The layer that plain data describe. A layer, or None, is returned unchanged.

    While tf_keras reads an .h5 file, its `layers.deserialize` expects the format of former versions, which
    `serialize_layer` does not write, and finds no registered layer.
    """
    if not isinstance(config, dict):
        return config
    registered = None if IS_KERAS_3 else tf.keras.saving.get_registered_object(config.get("registered_name"))
    return tf.keras.layers.deserialize(config) if registered is None else registered.from_config(config["config"])


def serialize_initializer(owner: tf.keras.layers.Layer, initializer: Any) -> Any:
    """A Keras initializer, or its name, as plain data.

    Raises:
      TypeError: for any other callable, since it can't be written to a file.
    """
    if isinstance(initializer, str):
        return initializer
    if isinstance(initializer, tf.keras.initializers.Initializer):
        return tf.keras.initializers.serialize(initializer)
    raise TypeError(
        f"kernel_initializer must be a Keras initializer or its name for {type(owner).__name__} to be saved; received "
        f"kernel_initializer={initializer!r}. Give its name, such as 'orthogonal', or save the weights alone."
    )


def deserialize_initializer(config: Any) -> Any:
    """The initializer that plain data describe. An initializer, or its name, is returned unchanged."""
    return tf.keras.initializers.deserialize(config) if isinstance(config, dict) else config


def fresh_initializer(initializer: Any) -> Any:
    """An initializer for one more weight: under both Keras flavors, an object draws the same values at each call.

    A new object without a seed draws others; one with a seed doesn't. Names, functions, and initializers that don't
    describe themselves are returned unchanged.
    """
    base = tf.keras.initializers.Initializer
    if not isinstance(initializer, base) or type(initializer).get_config is base.get_config:
        return initializer
    return type(initializer).from_config(initializer.get_config())


def refuse_factories(owner: tf.keras.layers.Layer, **factories: Any) -> None:
    """
    Raises:
      TypeError: if the layer was given a Python function that makes its parts, since it can't be written to a file.
    """
    for name, value in factories.items():
        if value is not None:
            raise TypeError(
                f"{type(owner).__name__} must be made without {name}= to be saved with its model; received "
                f"{name}={value!r}. Describe its parts by the other arguments, or save the weights alone."
            )
