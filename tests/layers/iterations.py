"""Many training calls of a layer as one compiled loop."""

import tensorflow as tf


def call_in_training(layer, inputs, times):
    """Calls a layer `times` times with training=True, by which spectral normalization moves its u."""
    layer(inputs)  # builds it

    @tf.function
    def loop():
        for _ in tf.range(times):
            layer(inputs, training=True)

    loop()
