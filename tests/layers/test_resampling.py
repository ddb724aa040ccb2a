"""The fused resampling convolutions equal the plain pairs: forward, input gradient and kernel gradient."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import convolution
from sagan_tf.layers.building import build_part
from sagan_tf.layers.initializers import seeded
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.resampling import ConvDownsample2D, UpsampleConv2D, downsample, upsample
from sagan_tf.layers.target_platform import targeting
from tests.closeness import FLOAT64, LAYER, assert_close, assert_each_close


def value_and_gradients(function, x, kernel, weight):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        value = function(x, kernel)
        loss = tf.reduce_sum(value * weight[:, : value.shape[1], : value.shape[2]])
    return value, *tape.gradient(loss, [x, kernel])


@pytest.mark.parametrize("kind", [UpsampleConv2D, ConvDownsample2D])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (4, 6), (10, 8)])
def test_fused_equals_plain_in_float64(kind, height, width):
    x = tf.random.stateless_normal([2, height, width, 3], [1, 2], dtype=tf.float64)
    kernel = tf.random.stateless_normal([3, 3, 3, 5], [3, 4], dtype=tf.float64)
    weight = tf.random.stateless_normal([2, 2 * height, 2 * width, 5], [5, 6], dtype=tf.float64)
    results = []
    for form in ("plain", "fused"):
        layer = kind(5, form=form, use_bias=False)
        layer.build(x.shape)
        assert layer.applied(kernel, tf.float64).shape[0] == {"plain": 3, "fused": 4}[form]
        results.append(value_and_gradients(layer.apply_kernel, x, kernel, weight))
    assert_each_close(results[1], results[0], relative=FLOAT64)


def test_upsample_repeats_and_downsample_averages():
    x = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), [1, 2, 2, 1])
    np.testing.assert_array_equal(upsample(x)[0, :, :, 0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    np.testing.assert_array_equal(downsample(x)[0, :, :, 0], [[2.5]])
    np.testing.assert_array_equal(downsample(upsample(x)), x)


@pytest.mark.parametrize("batch", [2, None])
def test_accelerators_upsampling_repeats_the_same_pixels(batch):
    x = tf.random.stateless_normal([2, 3, 4, 5], [1, 2])
    signature = [tf.TensorSpec([batch, 3, 4, 5])]

    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = upsample(x)
        return y, tape.gradient(y, x, tf.cos(y))

    expected = value_and_gradient(x)
    with targeting("tpu"):
        found = tf.function(value_and_gradient, input_signature=signature)(x)
    np.testing.assert_array_equal(found[0], expected[0])
    assert_close(found[1], expected[1], relative=LAYER)


@pytest.mark.parametrize("sides", [(7, 7), (8, 7), (5, 8), (1, 2)])
@pytest.mark.parametrize("form", ["auto", "fused"])
def test_an_odd_row_or_column_has_no_average_in_any_form(sides, form):
    x = tf.random.stateless_normal([2, *sides, 3], [1, 2])
    plain, other = ConvDownsample2D(5, form="plain"), ConvDownsample2D(5, form=form)
    build_part(plain, x.shape)
    build_part(other, x.shape)
    expected = downsample(tf.nn.conv2d(x, tf.convert_to_tensor(plain.kernel), 1, "SAME"))
    other.kernel.assign(plain.kernel)
    assert expected.shape[1:3] == (sides[0] // 2, sides[1] // 2) == other.compute_output_shape(x.shape)[1:3]
    assert_close(plain(x), expected, relative=LAYER)
    assert_close(other(x), expected, relative=LAYER)
    unknown = tf.function(other, input_signature=[tf.TensorSpec([None, None, None, 3])])
    assert_close(unknown(x), expected, relative=LAYER)


@pytest.mark.parametrize("built_for", [8, 16, None])
@pytest.mark.parametrize("layer", [UpsampleConv2D, ConvDownsample2D])
def test_a_fused_layer_is_right_on_maps_of_another_size_than_it_was_built_for(layer, built_for, monkeypatch):
    monkeypatch.setattr(convolution, "LARGE_KERNEL", 1)
    fused, plain = layer(3, form="fused"), layer(3, form="plain")
    for one in (fused, plain):
        build_part(one, (None, built_for, built_for, 3))
    plain.kernel.assign(fused.kernel)
    for side in (4, 8, 16):
        x = tf.random.stateless_normal([1, side, side, 3], [7, 8])
        assert_close(fused(x), plain(x), relative=LAYER)


def test_an_unknown_form_is_refused():
    with pytest.raises(
        ValueError, match=r"UpsampleConv2D\.form must be one of auto, plain, fused; received form='fuse'"
    ):
        UpsampleConv2D(3, form="fuse")


@pytest.mark.parametrize("layer", [UpsampleConv2D, ConvDownsample2D])
def test_every_form_keeps_the_same_weights_and_gives_the_same_map(layer):
    x = tf.random.stateless_normal([1, 16, 16, 4], [7, 8])
    forms = [layer(6, form=form) for form in ("plain", "fused", "auto")]
    outputs = []
    for form in forms:
        form(x)
        form.kernel.assign(np.random.default_rng(0).standard_normal((3, 3, 4, 6)).astype(np.float32))
        form.bias.assign(np.arange(6, dtype=np.float32))
        outputs.append(form(x).numpy())
    assert_close(outputs[1], outputs[0], relative=LAYER)
    assert_close(outputs[2], outputs[0], relative=LAYER)


def test_the_shortcut_commutes_with_resampling():
    x = tf.random.stateless_normal([2, 4, 4, 3], [1, 1])
    conv = Conv2D(5, 1, kernel_initializer=next(seeded("glorot_uniform", 0)))
    assert_close(conv(upsample(x)), upsample(conv(x)), relative=LAYER)
    assert_close(conv(downsample(x)), downsample(conv(x)), relative=LAYER)
