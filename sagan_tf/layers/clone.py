"""Clones a layer with its variables and parts replaced, without running its constructor."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Layer = tf.keras.layers.Layer


def clone_with(layer: Layer, change: Callable[[Layer, str, Any], Any]) -> Layer:
    """A layer of the same class whose public attributes are change(copy, name, value).

    No constructor is run. This suffices because all state is reachable by public attributes (variable_names.py) and
    calling a layer needs nothing else. In lists, `change` is applied to each entry.
    """
    copy = type(layer).__new__(type(layer))
    if isinstance(layer, tf.keras.Model):
        tf.keras.Model.__init__(copy, name=layer.name, dtype=layer.dtype_policy)
    else:
        Layer.__init__(copy, autocast=False, name=layer.name, dtype=layer.dtype_policy)
    for name, value in vars(layer).items():
        if name.startswith("_") or name in vars(copy):
            continue
        if isinstance(value, list):
            setattr(copy, name, [change(copy, name, item) for item in value])
        else:
            setattr(copy, name, change(copy, name, value))
    copy.built = True
    return copy
