"""Attention against a loop, its forms' published parameter counts, and its laws."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import self_attention
from sagan_tf.layers.initializers import seeded
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.self_attention import SelfAttention, attend
from sagan_tf.layers.target_platform import targeting
from sagan_tf.layers.variable_names import named_variables
from tests.closeness import FLOAT64, LAYER, ROUNDING, assert_close, assert_each_close


def attention(form="code"):
    drawn = seeded("glorot_uniform", 0)
    return SelfAttention(
        conv=lambda channels: Conv2D(channels, 1, use_bias=False, kernel_initializer=next(drawn)), form=form
    )


def test_attend_equals_a_loop():
    rng = np.random.default_rng(0)
    query, key, value = rng.standard_normal((2, 6, 3)), rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 5))
    out, beta = attend(*(tf.constant(a, tf.float32) for a in (query, key, value)))
    for b in range(2):
        for j in range(6):
            scores = np.array([query[b, j] @ key[b, i] for i in range(4)])
            weights = np.exp(scores) / np.exp(scores).sum()
            assert_close(beta[b, j], weights, relative=LAYER)
            assert_close(out[b, j], sum(weights[i] * value[b, i] for i in range(4)), relative=LAYER)


@pytest.mark.parametrize("form", ["code", "paper", "v1"])
def test_it_starts_as_the_identity_and_its_weights_sum_to_one_over_the_keys(form):
    x = tf.random.stateless_normal([2, 4, 6, 16], [1, 2])
    layer = attention(form)
    np.testing.assert_array_equal(layer(x), x)
    out, beta = layer.attention(x)
    assert beta.shape == (2, 24, 6 if form == "code" else 24)
    assert_close(tf.reduce_sum(beta, -1), tf.ones(beta.shape[:-1]), relative=LAYER)
    layer.gamma.assign(0.5)
    assert_close(layer(x), 0.5 * out + x, relative=ROUNDING)


def test_the_code_form_pools_keys_and_values_after_their_convolutions():
    x = tf.random.stateless_normal([1, 4, 4, 8], [3, 4])
    layer = attention()
    layer(x)
    q, k, v, o = (named_variables(layer)[f"{n}.kernel"].numpy()[0, 0] for n in ("query", "key", "value", "out"))
    flat = x.numpy().reshape(16, 8)
    pooled = [(x.numpy()[0] @ m).reshape(2, 2, 2, 2, -1).max(axis=(1, 3)).reshape(4, -1) for m in (k, v)]
    scores = flat @ q @ pooled[0].T
    weights = np.exp(scores - scores.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    expected = (weights @ pooled[1] @ o).reshape(4, 4, 8)
    assert_close(layer.attention(x)[0][0], expected, relative=LAYER)


@pytest.mark.parametrize(("channels", "code", "paper"), [(512, 327681, 131073), (128, 20481, 8193), (64, 5121, 2049)])
def test_parameter_counts_of_the_papers(channels, code, paper):
    for form, expected in (("code", code), ("v1", code), ("paper", paper)):
        layer = attention(form)
        layer(tf.zeros([1, 2, 2, channels]))
        assert sum(int(np.prod(v.shape)) for v in layer.trainable_variables) == expected


def test_bfloat16_keeps_the_softmax_in_float32():
    x = tf.cast(tf.random.stateless_normal([1, 4, 4, 8], [3, 4]), tf.bfloat16)
    layer = attention()
    layer(x)
    out, beta = layer.attention(x)
    assert (out.dtype, beta.dtype) == (tf.bfloat16, tf.float32)
    assert_close(tf.reduce_sum(beta, -1), tf.ones(beta.shape[:-1]), relative=LAYER)


@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize("form", ["code", "paper", "v1"])
def test_accelerators_compute_three_projections_as_one_convolution(form, spectral_norm, monkeypatch):
    """Smooth pooling, since the maximum's gradient jumps where two entries are equal but for rounding."""
    monkeypatch.setattr(self_attention, "max_pool", lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"))
    x = tf.random.stateless_normal([2, 4, 6, 16], [1, 2])
    layer = SelfAttention(form=form, spectral_norm=spectral_norm)
    layer(x)
    layer.gamma.assign(0.5)
    start = {name: variable.numpy() for name, variable in named_variables(layer).items()}

    def results():
        for name, variable in named_variables(layer).items():
            variable.assign(start[name])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        gradients = tape.gradient(y, [x, *layer.trainable_variables], tf.cos(y))
        return [y, *gradients, *named_variables(layer).values()]

    expected = results()
    calls, plain = [], self_attention.convolution
    monkeypatch.setattr(self_attention, "convolution", lambda *inputs: calls.append(inputs) or plain(*inputs))
    with targeting("tpu"):
        found = results()
    assert len(calls) == 1 and len(found) == len(expected)
    assert_each_close(found, expected, relative=LAYER)


def test_projections_that_are_no_1x1_convolutions_are_left_alone():
    with targeting("tpu"):
        layer = SelfAttention(conv=lambda channels: Conv2D(channels, 3, use_bias=False))
        x = tf.random.stateless_normal([2, 4, 6, 16], [1, 2])
        np.testing.assert_array_equal(layer(x), x)


def test_bad_shapes_and_forms_are_refused():
    with pytest.raises(ValueError, match="multiple of 8 channels"):
        attention()(tf.zeros([1, 4, 4, 12]))
    with pytest.raises(ValueError, match="even sides"):
        attention()(tf.zeros([1, 3, 4, 8]))
    with pytest.raises(ValueError, match="form must be"):
        attention("pooled")


@pytest.mark.parametrize("algorithm", ["plain", "blocked"])
def test_float64_stays_float64_throughout(algorithm):
    layer = SelfAttention(algorithm=algorithm, spectral_norm=False)
    x = tf.random.stateless_normal([1, 4, 4, 8], [0, 1], dtype=tf.float64)
    layer(x)
    query, key, value = (
        tf.cast(tf.convert_to_tensor(part.kernel), tf.float64) for part in (layer.query, layer.key, layer.value)
    )
    pooled = [tf.nn.max_pool2d(tf.nn.conv2d(x, kernel, 1, "SAME"), 2, 2, "VALID") for kernel in (key, value)]
    key, value = (tf.reshape(part, [1, 4, -1]) for part in pooled)
    beta = tf.nn.softmax(tf.matmul(tf.reshape(tf.nn.conv2d(x, query, 1, "SAME"), [1, 16, -1]), key, transpose_b=True))
    assert_close(layer.attention(x)[1], beta, relative=FLOAT64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        layer.gamma.assign(1.0)
        out = layer(x)
    out_kernel = tf.cast(tf.convert_to_tensor(layer.out.kernel), tf.float64)
    expected = x + tf.nn.conv2d(tf.reshape(tf.matmul(beta, value), [1, 4, 4, -1]), out_kernel, 1, "SAME")
    assert_close(out, expected, relative=FLOAT64)
    assert tape.gradient(out, x).dtype == tf.float64
