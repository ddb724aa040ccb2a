"""Spectral normalization against known singular values, and its laws."""

import math

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import spectral_norm
from sagan_tf.layers.initializers import seeded
from sagan_tf.layers.kernel_matrix import as_matrix
from sagan_tf.layers.linear import Conv2D, Dense, Embedding, FirstChannelsConv2D, KernelLayer
from sagan_tf.layers.spectral_norm import SpectralNorm, power_iteration
from sagan_tf.layers.variable_names import named_variables
from tests.closeness import LAYER, NETWORK, ROUNDING, assert_close, assert_each_close, half_precision
from tests.layers.iterations import call_in_training


def drawn():
    """The initializer of a kernel of fixed random values."""
    return next(seeded("glorot_uniform", 0))


def normalized(layer):
    return as_matrix(layer.normalized_kernel()).numpy()


def u_of(layer):
    return tf.convert_to_tensor(layer.u).numpy()


def test_sigma_of_a_diagonal_matrix_is_its_largest_entry():
    u = tf.constant([1.0, 0.1, 0.1])
    matrix = tf.linalg.diag([4.0, 1.0, 1.0])
    for _ in range(10):
        sigma, u, _ = power_iteration(matrix, u)
    assert_close(sigma, 4.0, relative=ROUNDING)
    assert_close(np.abs(u), [1, 0, 0], relative=LAYER)


def test_one_iteration_by_hand():
    w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    u = np.array([1.0, 0.0])
    v = w @ u / np.linalg.norm(w @ u)
    expected_u = w.T @ v / np.linalg.norm(w.T @ v)
    sigma, new_u, _ = power_iteration(tf.constant(w, tf.float32), tf.constant(u, tf.float32))
    assert_close(new_u, expected_u, relative=ROUNDING)
    assert_close(sigma, v @ w @ expected_u, relative=ROUNDING)


def test_epsilon_is_the_least_norm_that_is_divided_by():
    """It is not added to the norm: above it, sigma is exact, however large it is."""
    for w, expected in (
        (3.0, 3.0),
        (0.5, 0.5**4),
    ):  # v = w and u = w^2, both divided by the norm or by 1; sigma = v w u
        sigma, u, v = power_iteration(tf.constant([[w]]), tf.constant([1.0]), epsilon=1.0)
        np.testing.assert_allclose((sigma, u[0], v[0]), (expected, min(w, 1.0) ** 2, min(w, 1.0)), rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Conv2D(6, kernel_initializer=drawn()), tf.ones([1, 5, 5, 3])),
        (Dense(7, kernel_initializer=drawn()), tf.ones([2, 4])),
        (Embedding(9, 5, kernel_initializer=drawn()), tf.constant([0, 3])),
        (tf.keras.layers.Conv2D(6, 3, kernel_initializer=drawn()), tf.ones([1, 5, 5, 3])),
        (tf.keras.layers.Dense(7, kernel_initializer=drawn()), tf.ones([2, 4])),
        (tf.keras.layers.Embedding(9, 5, embeddings_initializer=drawn()), tf.constant([0, 3])),
    ],
)
def test_after_many_updates_the_top_singular_value_is_one(layer, inputs):
    wrapped = SpectralNorm(layer)
    call_in_training(wrapped, inputs, 200)
    assert_close(np.linalg.svd(normalized(wrapped), compute_uv=False)[0], 1.0, relative=NETWORK)


@pytest.mark.parametrize(
    ("table", "kernel"),
    [
        (Embedding(9, 5, kernel_initializer=drawn()), "kernel"),
        (tf.keras.layers.Embedding(9, 5, embeddings_initializer=drawn()), "embeddings"),
    ],
)
def test_a_table_of_classes_has_u_on_the_side_of_the_classes(table, kernel):
    layer = SpectralNorm(table)
    layer(tf.constant([0]))
    w = tf.convert_to_tensor(getattr(table, kernel)).numpy()
    u = u_of(layer)
    assert u.shape == (9,)
    v = w.T @ u / np.linalg.norm(w.T @ u)
    layer(tf.constant([0]), training=True)
    assert_close(u_of(layer), w @ v / np.linalg.norm(w @ v), relative=LAYER)


@pytest.mark.parametrize("side", [2, 16])
def test_channels_that_are_not_computed_count_for_sigma(side):
    """The output is the first channels of the whole convolution's, on small maps by dividing the product."""
    x = tf.random.stateless_normal([2, side, side, 16], [1, 2])
    whole, first = (SpectralNorm(layer) for layer in (Conv2D(8), FirstChannelsConv2D(8, used=3)))
    whole(x), first(x)
    for name, source in named_variables(whole).items():
        source.assign(tf.random.stateless_normal(source.shape, [3, 4]))
        named_variables(first)[name].assign(source)
    with tf.GradientTape(persistent=True) as tape:
        outputs, expected = first(x, training=True), whole(x, training=True)[..., :3]
        loss, whole_loss = (tf.reduce_sum(tf.sin(y)) for y in (outputs, expected))
    assert_close(outputs, expected, relative=LAYER)
    np.testing.assert_array_equal(u_of(first), u_of(whole))
    gradients = tape.gradient(loss, [first.layer.kernel, first.layer.bias])
    for gradient, theirs in zip(
        gradients, tape.gradient(whole_loss, [whole.layer.kernel, whole.layer.bias]), strict=True
    ):
        assert_close(gradient, theirs, relative=LAYER)


def test_a_perturbed_kernel_is_normalized_again_after_updates():
    layer = SpectralNorm(Dense(6, kernel_initializer=drawn()))
    x = tf.ones([1, 5])
    call_in_training(layer, x, 100)
    rng = np.random.default_rng(0)
    layer.layer.kernel.assign(rng.standard_normal((5, 6)).astype(np.float32))
    assert abs(np.linalg.svd(normalized(layer), compute_uv=False)[0] - 1.0) > 1e-3
    call_in_training(layer, x, 200)
    assert_close(np.linalg.svd(normalized(layer), compute_uv=False)[0], 1.0, relative=LAYER)


def test_u_moves_in_training_only_and_inference_takes_one_fresh_iteration():
    layer = SpectralNorm(Conv2D(4, kernel_initializer=drawn()))
    x = tf.random.stateless_normal([1, 4, 4, 3], [1, 2])
    layer(x)
    before = u_of(layer)
    inference = layer(x, training=False)
    np.testing.assert_array_equal(u_of(layer), before)
    training = layer(x, training=True)
    np.testing.assert_array_equal(inference, training)
    assert np.abs(u_of(layer) - before).max() > 1e-3


def test_the_gradient_includes_sigma_but_not_u_and_v():
    layer = SpectralNorm(Dense(3, kernel_initializer=drawn()))
    x = tf.random.stateless_normal([4, 5], [3, 4])
    weights = tf.random.stateless_normal([4, 3], [5, 6])
    layer(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) * weights)
    gradient = tape.gradient(loss, named_variables(layer)["layer.kernel"])
    w = named_variables(layer)["layer.kernel"].numpy().astype(np.float64)
    u = u_of(layer).astype(np.float64)
    v = w @ u / np.linalg.norm(w @ u)
    u = w.T @ v / np.linalg.norm(w.T @ v)
    sigma = v @ w @ u
    plain = x.numpy().astype(np.float64).T @ weights.numpy().astype(np.float64)
    expected = plain / sigma - (plain * w).sum() / sigma**2 * np.outer(v, u)
    assert_close(gradient, expected, relative=LAYER)


LARGE = [
    (Conv2D(4, kernel_initializer=drawn()), tf.random.stateless_normal([2, 2, 2, 32], [1, 2])),
    (Dense(3, kernel_initializer=drawn()), tf.random.stateless_normal([4, 40], [1, 2])),
    (Embedding(40, 5, kernel_initializer=drawn()), tf.constant([0, 3, 3])),
]


@pytest.mark.parametrize(("layer", "inputs"), LARGE)
def test_a_large_kernels_product_is_divided_in_its_place(layer, inputs, monkeypatch):
    """The same output, gradients and u as with the divided kernel; and the kernel is not divided."""
    wrapped = SpectralNorm(layer)
    wrapped(inputs)
    wrapped.layer.use_bias and wrapped.layer.bias.assign_add(tf.ones_like(wrapped.layer.bias))
    before = u_of(wrapped)

    def results():
        wrapped.u.assign(before)
        with tf.GradientTape() as tape:
            out = wrapped(inputs, training=True)
            loss = tf.reduce_sum(tf.sin(out))
        return [out, u_of(wrapped), *tape.gradient(loss, list(named_variables(layer).values()))]

    whole = results()
    given, apply_kernel = [], KernelLayer.apply_kernel

    def noted(self, inputs, kernel, scale=None):
        given.append(scale)
        return apply_kernel(self, inputs, kernel, scale)

    monkeypatch.setattr(KernelLayer, "apply_kernel", noted)
    results()
    assert given[0] is not None
    monkeypatch.setattr(spectral_norm, "KERNEL_IS_LARGE", math.inf)
    assert_each_close(whole, results(), relative=LAYER)
    assert given[1] is None


def test_in_bfloat16_the_product_is_divided_in_float32_and_in_float16_the_kernel():
    layer, x = SpectralNorm(Conv2D(4, kernel_initializer=drawn())), tf.random.stateless_normal([2, 2, 2, 32], [1, 2])
    exact = layer(x)
    for dtype in (tf.bfloat16, tf.float16):
        out = layer(tf.cast(x, dtype))
        assert out.dtype == dtype
        assert_close(tf.cast(out, tf.float32), exact, relative=half_precision(dtype, layers=2))
    layer.layer.kernel.assign(layer.layer.kernel * 1e5)  # its product leaves float16's range, the divided one doesn't
    assert np.isfinite(layer(tf.cast(x, tf.float16))).all()


def test_the_bias_is_not_normalized():
    layer = SpectralNorm(Dense(3, kernel_initializer=drawn()))
    layer(tf.zeros([1, 4]))
    layer.layer.bias.assign([1.0, 20.0, 300.0])
    np.testing.assert_array_equal(layer(tf.zeros([1, 4])), [[1.0, 20.0, 300.0]])


def test_a_layer_without_a_kernel_is_refused():
    with pytest.raises(TypeError, match=r"linear in one kernel.*BatchNormalization"):
        SpectralNorm(tf.keras.layers.BatchNormalization())
    with pytest.raises(ValueError, match="epsilon must be positive"):
        SpectralNorm(Dense(3), epsilon=0.0)
