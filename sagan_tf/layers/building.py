"""How layers that consist of other layers are built, in the same way under Keras 3 and tf_keras."""

import contextlib

import tensorflow as tf

from sagan_tf.layers.dtype_policy import IS_KERAS_3


class WithoutBuild:
    """Mixin of layers and models that create no weights in `build`.

    Their parts are built by the first call, or are complete after construction. Without this `build`, Keras would
    trace a symbolic call for each such layer to find out what to build.
    """

    def build(self, input_shape):
        """Creates nothing."""


def build_part(layer: tf.keras.layers.Layer | None, input_shape: tuple[int | None, ...] | None) -> None:
    """Builds a part of another layer, unless it is built already, so that its weights exist when a file is read.

    Without a shape, the part is left to be built by its first call.
    """
    if layer is not None and not layer.built and input_shape is not None:
        # tf_keras names weights by the scope around `build`, which only a call opens. An .h5 file needs distinct names.
        with contextlib.nullcontext() if IS_KERAS_3 else tf.name_scope(layer.name):
            layer.build(input_shape)
        layer.built = True
