"""Convolutions as matrix products equal TensorFlow's: values, first and second gradients, in every way to run them."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import convolution as module
from sagan_tf.layers import im2col
from sagan_tf.layers.convolution import SMALL_SIDE, convolution, transposed_convolution, transposed_layout
from sagan_tf.layers.target_platform import targeting
from tests.closeness import FLOAT64, assert_close, assert_each_close, half_precision

# name: (the function under test, TensorFlow's own, the kernel's size); both take (x, kernel)
FORMS = {
    "plain": (convolution, lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), 3),
    "strided": (lambda x, k: convolution(x, k, stride=2), lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"), 4),
    "transposed": (
        lambda x, k: transposed_convolution(x, transposed_layout(k, x.shape[1:3])),
        lambda x, k: tf.nn.conv2d_transpose(
            x, tf.transpose(k, [0, 1, 3, 2]), [x.shape[0], 2 * x.shape[1], 2 * x.shape[2], k.shape[3]], 2
        ),
        4,
    ),
}


@pytest.fixture(autouse=True)
def every_kernel_is_large(monkeypatch):
    monkeypatch.setattr(module, "LARGE_KERNEL", 1)


def normal(*shape, seed=0):
    return tf.random.stateless_normal(shape, [seed, 1], dtype=tf.float64)


def gradients(function, x, kernel):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        out = function(x, kernel)
        loss = tf.reduce_sum(tf.sin(3 * out))
    return [out, *tape.gradient(loss, [x, kernel])]


SIDES = (2, 4, 6, 8, 16)


def inputs_of(form, side):
    size = FORMS[form][2]
    return normal(2, side, side, 3), normal(size, size, 3, 5, seed=1)


@functools.cache
def of_each_side(form, run):
    """Output and gradients on maps of each side; of all in one program, which is compiled sooner than five."""

    def together(inputs):
        return {side: gradients(FORMS[form][0], *pair) for side, pair in inputs.items()}

    function = together if run == "eager" else tf.function(together, jit_compile=run == "xla")
    return function({side: inputs_of(form, side) for side in SIDES})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("run", ["eager", "graph", "xla"])
def test_output_and_gradients_are_the_librarys(form, side, run):
    _, library, _ = FORMS[form]
    assert_each_close(of_each_side(form, run)[side], gradients(library, *inputs_of(form, side)), relative=FLOAT64)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_gradients_are_the_librarys(form):
    """R1 differentiates D's input gradient by D's kernels."""
    ours, library, size = FORMS[form]
    x, kernel = normal(2, 4, 4, 3), normal(size, size, 3, 5, seed=1)

    def penalty(function):
        with tf.GradientTape() as outer:
            outer.watch([x, kernel])
            with tf.GradientTape() as inner:
                inner.watch(x)
                out = tf.reduce_sum(tf.sin(function(x, kernel)))
            value = tf.reduce_sum(inner.gradient(out, x) ** 2)
        return outer.gradient(value, [x, kernel])

    assert_each_close(penalty(ours), penalty(library), relative=FLOAT64)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(4, 4), (5, 4), (3, 7)])
def test_kernels_and_maps_of_any_size_give_the_librarys_output_and_gradients(size, stride, sides):
    x, kernel = normal(2, *sides, 3), normal(size, size, 3, 5, seed=1)
    ours = gradients(lambda x, k: convolution(x, k, stride), x, kernel)
    librarys = gradients(lambda x, k: tf.nn.conv2d(x, k, stride, "SAME"), x, kernel)
    assert_each_close(ours, librarys, relative=FLOAT64)


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_width_is_no_hindrance(form):
    ours, library, size = FORMS[form]
    x, kernel = normal(2, 4, 4, 3), normal(size, size, 3, 5, seed=1)

    @tf.function(input_signature=[tf.TensorSpec([2, 4, None, 3], tf.float64)])
    def unknown(x):
        return gradients(ours, x, kernel)

    assert_each_close(unknown(x), gradients(library, x, kernel), relative=FLOAT64)


@pytest.mark.parametrize("size", [1, 3])
def test_an_unknown_rank_is_no_hindrance(size):
    x, kernel = normal(2, 4, 4, 3), normal(size, size, 3, 5, seed=1)
    unknown = tf.function(lambda x: convolution(x, kernel), input_signature=[tf.TensorSpec(None, tf.float64)])
    assert_close(unknown(x), tf.nn.conv2d(x, kernel, 1, "SAME"), relative=FLOAT64)


@pytest.mark.parametrize("laid_out_for", [(4, 4), (64, 64), (None, None)])
@pytest.mark.parametrize("side", [4, 16])
def test_a_kernel_laid_out_for_one_size_is_right_for_every_size(laid_out_for, side):
    x, kernel = normal(1, side, side, 3), normal(4, 4, 3, 3, seed=1)
    laid_out = transposed_layout(kernel, laid_out_for)
    assert_close(transposed_convolution(x, laid_out), FORMS["transposed"][1](x, kernel), relative=FLOAT64)
    shape = tf.TensorSpec([None, None, None, 3], tf.float64)
    unknown = tf.function(lambda x: transposed_convolution(x, laid_out), input_signature=[shape])
    assert_close(unknown(x), FORMS["transposed"][1](x, kernel), relative=FLOAT64)


def test_putting_taps_together_is_the_transpose_of_taking_them():
    x, parts = normal(2, 8, 6, 3), normal(16, 2 * 4 * 3, 3, seed=1)
    there, back = tf.reduce_sum(im2col.taps(x) * parts), tf.reduce_sum(x * im2col.sum_taps(parts, 4, 3))
    assert_close(there, back, relative=FLOAT64, floor=np.abs(x).max() * np.abs(parts).max())


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_batch_size_is_no_hindrance(form):
    ours, _, size = FORMS[form]
    x, kernel = normal(2, 4, 4, 3), normal(size, size, 3, 5, seed=1)

    shape = tf.TensorSpec([None, 4, 4, 3], tf.float64)
    unknown = tf.function(lambda x: gradients(ours, x, kernel), input_signature=[shape])
    assert_each_close(unknown(x), gradients(ours, x, kernel), relative=FLOAT64)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
@pytest.mark.parametrize("form", FORMS)
def test_half_precision_stays(dtype, form):
    ours, library, size = FORMS[form]
    x, kernel = normal(2, 4, 4, 3), normal(size, size, 3, 5, seed=1)
    half, exact = ours(tf.cast(x, dtype), tf.cast(kernel, dtype)), library(x, kernel)
    assert half.dtype == dtype
    assert_close(tf.cast(half, tf.float64), exact, relative=half_precision(dtype, layers=2))


def test_products_are_used_for_small_maps_under_large_kernels_on_cpu(monkeypatch):
    calls = []

    def noted(function):
        return lambda *args, **options: calls.append(function) or function(*args, **options)

    for name in ("strided", "transposed", "kernel_gradient"):
        monkeypatch.setattr(im2col, name, noted(getattr(im2col, name)))

    def used(form, side, channels=2, size=None):
        calls.clear()
        ours, _, usual = FORMS[form]
        gradients(ours, normal(1, side, side, channels), normal(*[size or usual] * 2, channels, channels, seed=1))
        return bool(calls)

    assert used("plain", SMALL_SIDE) and used("strided", SMALL_SIDE) and used("transposed", SMALL_SIDE // 2)
    assert not any((used("plain", 2 * SMALL_SIDE), used("strided", 2 * SMALL_SIDE), used("transposed", SMALL_SIDE)))
    assert not used("plain", 4, size=1)
    monkeypatch.setattr(module, "LARGE_KERNEL", 16)
    assert used("plain", 4, channels=4) and not used("plain", 4, channels=3)
    for accelerator in ("gpu", "tpu"):
        with targeting(accelerator):
            assert not used("plain", 4, channels=4)
