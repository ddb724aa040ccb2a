"""SpectralNorm on Keras' own layers: each agrees with an explicit singular value, or is refused by name."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import Conv2D, SpectralNorm
from sagan_tf.layers.keras_layers import OPERATIONS
from tests.layers.iterations import call_in_training

K = tf.keras.layers

LINE, MAP, VOLUME = (7, 4), (6, 5, 4), (3, 4, 5, 2)
# name: (factory of the layer, shape of its input; None for indices)
SUPPORTED = {
    "Dense": (lambda: K.Dense(6, activation="tanh"), (4,)),
    "Dense over a sequence": (lambda: K.Dense(6, use_bias=False), LINE),
    "Embedding": (lambda: K.Embedding(9, 5), None),
    "Conv1D": (lambda: K.Conv1D(6, 3), LINE),
    "Conv1D causal": (lambda: K.Conv1D(6, 3, padding="causal"), LINE),
    "Conv1D causal, dilated": (lambda: K.Conv1D(6, 3, padding="causal", dilation_rate=2), LINE),
    "Conv2D": (lambda: K.Conv2D(6, 3, padding="same", activation="relu"), MAP),
    "Conv2D strided": (lambda: K.Conv2D(6, (3, 2), strides=2, padding="valid"), MAP),
    "Conv2D dilated": (lambda: K.Conv2D(6, 2, dilation_rate=2), MAP),
    "Conv2D grouped": (lambda: K.Conv2D(6, 3, groups=2, use_bias=False), MAP),
    "Conv3D": (lambda: K.Conv3D(3, 2, padding="same"), VOLUME),
    "Conv1DTranspose": (lambda: K.Conv1DTranspose(6, 4, 2, padding="same"), LINE),
    "Conv2DTranspose": (lambda: K.Conv2DTranspose(6, 4, 2, padding="same", activation="relu"), MAP),
    "Conv2DTranspose valid": (lambda: K.Conv2DTranspose(6, (2, 3), (3, 2), padding="valid"), MAP),
    "Conv3DTranspose": (lambda: K.Conv3DTranspose(3, 2, 2), VOLUME),
}


class TimesTwo(K.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


class OursTimesTwo(Conv2D):
    def call(self, inputs, training=False):
        return 2 * super().call(inputs)


REFUSED = {
    "depthwise": (lambda: K.DepthwiseConv2D(3), "one small filter per channel"),
    "depthwise 1D": (lambda: K.DepthwiseConv1D(3), "one small filter per channel"),
    "separable": (lambda: K.SeparableConv2D(4, 3), "one small filter per channel"),
    "separable 1D": (lambda: K.SeparableConv1D(4, 3), "one small filter per channel"),
    "einsum": (lambda: K.EinsumDense("ab,bc->ac", 4), "linear in one kernel.*received EinsumDense"),
    "norm": (lambda: K.BatchNormalization(), "linear in one kernel.*received BatchNormalization"),
    "recurrent": (lambda: K.LSTM(3), "linear in one kernel.*received LSTM"),
    "a subclass": (lambda: TimesTwo(3), "received TimesTwo.*subclass may compute something else"),
    "a subclass of ours": (lambda: OursTimesTwo(3), "received OursTimesTwo, whose own `call` would not be run"),
    "a subclass of a convolution": (lambda: type("Mine", (K.Conv2D,), {})(3, 3), "received Mine. A subclass may"),
    "a mask": (lambda: K.Embedding(4, 3, mask_zero=True), "mask_zero=True"),
    "no layer": (lambda: "Dense", "received str"),
    "a wrapped one": (lambda: SpectralNorm(K.Dense(3)), "received SpectralNorm"),
    "channels first": (lambda: K.Conv2D(4, 3, data_format="channels_first"), "data_format='channels_first'"),
    "channels first, transposed": (
        lambda: K.Conv2DTranspose(4, 3, data_format="channels_first"),
        "data_format='channels_first'",
    ),
    "transposed, dilated": (lambda: K.Conv2DTranspose(4, 3, dilation_rate=2), r"dilation_rate=\(2, 2\)"),
    "output padding": (lambda: K.Conv2DTranspose(4, 3, 2, output_padding=1), "output_padding="),
    "a loss of its outputs": (lambda: K.Dense(4, activity_regularizer="l2"), "must not have activity_regularizer=L2"),
    "an activation": (lambda: K.ReLU(), "received ReLU"),
}


def largest_singular_value(layer):
    """By NumPy, of the matrix whose columns, or for tables rows, are the outputs."""
    name = type(layer).__name__
    kernel = np.asarray(tf.convert_to_tensor(layer.embeddings if name == "Embedding" else layer.kernel))
    kernel = np.swapaxes(kernel, -1, -2) if "Transpose" in name else kernel
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


@pytest.mark.parametrize("name", SUPPORTED)
def test_it_is_the_layer_with_its_kernel_over_its_largest_singular_value(name):
    make, shape = SUPPORTED[name]
    rng = np.random.default_rng(0)
    x = tf.constant(rng.integers(0, 9, 4) if shape is None else rng.normal(0, 1, (2, *shape)).astype("f4"))
    layer = make()
    layer.build(x.shape)
    layer.set_weights([rng.normal(0, 1, w.shape).astype("f4") for w in layer.get_weights()])
    wrapped = SpectralNorm(layer)
    call_in_training(wrapped, x, 300)
    found = wrapped(x)
    kernel, *bias = layer.get_weights()
    layer.set_weights([kernel / largest_singular_value(layer), *bias])
    expected = layer(x)
    assert found.shape == expected.shape == tuple(wrapped.compute_output_shape(x.shape))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_right_is_refused(name):
    make, sentence = REFUSED[name]
    with pytest.raises(TypeError, match=sentence):
        SpectralNorm(make())


def test_every_operation_is_held_against_a_singular_value():
    assert {type(make()) for make, _ in SUPPORTED.values()} == set(OPERATIONS)


def test_indices_may_be_floats_of_any_size_in_any_precision():
    table = SpectralNorm(K.Embedding(5000, 2, dtype="mixed_float16"), dtype="mixed_float16")
    rows = table(np.asarray([4097.0, 4098.0], np.float32))
    np.testing.assert_array_equal(rows, table(np.asarray([4097, 4098])))
    assert np.abs(np.diff(rows, axis=0)).max() > 0


def test_a_gradient_through_a_transposed_convolution_includes_sigma():
    """Moving the kernel along itself changes nothing, so the gradient is orthogonal to the kernel."""
    layer = SpectralNorm(K.Conv2DTranspose(3, 4, 2, padding="same"))
    x = tf.random.stateless_normal([2, 4, 4, 5], [1, 2])
    call_in_training(layer, x, 100)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x)))
    kernel = layer.layer.trainable_variables[0]
    gradient = tf.convert_to_tensor(tape.gradient(loss, kernel))
    w = tf.convert_to_tensor(kernel)
    assert abs(tf.reduce_sum(gradient * w)) < 1e-4 * tf.norm(gradient) * tf.norm(w)
    assert tf.norm(gradient) > 0
