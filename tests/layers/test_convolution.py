"""The convolution's own kernel gradient is the library's: first and second order, every stride, on every way to run."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import convolution as module
from sagan_tf.layers.convolution import UNFOLDED_UP_TO, convolution, kernel_gradient

FORMS = [(3, 1, 4), (3, 1, 5), (3, 1, 16), (4, 2, 4), (4, 2, 16)]  # size, stride, side


def normal(*shape, seed=0, dtype=tf.float64):
    return tf.cast(tf.random.stateless_normal(shape, [seed, 1], dtype=tf.float64), dtype)


def library(x, kernel, stride):
    return tf.nn.conv2d(x, kernel, stride, "SAME")


def gradients(function, x, kernel, stride):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        out = function(x, kernel, stride)
        loss = tf.reduce_sum(tf.sin(3 * out))
    return [out, *tape.gradient(loss, [x, kernel])]


@pytest.mark.parametrize(("size", "stride", "side"), FORMS)
@pytest.mark.parametrize("run", ["eager", "graph", "xla"])
def test_output_and_gradients_are_the_librarys(size, stride, side, run):
    x, kernel = normal(2, side, side, 3), normal(size, size, 3, 5, seed=1)

    def own(x, kernel):
        return gradients(convolution, x, kernel, stride)

    own = own if run == "eager" else tf.function(own, jit_compile=run == "xla")
    for a, b in zip(own(x, kernel), gradients(library, x, kernel, stride), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("size", "stride", "side"), FORMS)
def test_gradients_of_gradients_are_the_librarys(size, stride, side):
    """R1 differentiates D's input gradient by D's kernels."""
    x, kernel = normal(2, side, side, 3), normal(size, size, 3, 5, seed=1)

    def penalty(function):
        with tf.GradientTape() as outer:
            outer.watch([x, kernel])
            with tf.GradientTape() as inner:
                inner.watch(x)
                out = tf.reduce_sum(tf.sin(function(x, kernel, stride)))
            value = tf.reduce_sum(inner.gradient(out, x) ** 2)
        return outer.gradient(value, [x, kernel])

    for a, b in zip(penalty(convolution), penalty(library), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_an_unknown_batch_size_is_no_hindrance():
    kernel = normal(3, 3, 3, 5, seed=1)

    def squares(x):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            loss = tf.reduce_sum(convolution(x, kernel) ** 2)
        return tape.gradient(loss, kernel)

    unknown = tf.function(squares, input_signature=[tf.TensorSpec([None, 4, 4, 3], tf.float64)])
    x = normal(2, 4, 4, 3)
    np.testing.assert_allclose(unknown(x), squares(x), rtol=1e-12)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_stays(dtype):
    x, d_out = normal(2, 4, 4, 3), normal(2, 4, 4, 5, seed=1)
    half = kernel_gradient(tf.cast(x, dtype), tf.cast(d_out, dtype), 3, 1)
    assert half.dtype == dtype
    exact = kernel_gradient(x, d_out, 3, 1)
    np.testing.assert_allclose(tf.cast(half, tf.float64), exact, atol=0.02 * np.abs(exact).max())


def test_it_is_used_on_small_maps_on_cpu_alone(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "kernel_gradient", lambda *a: calls.append(a) or kernel_gradient(*a))

    def used(side, size=3):
        calls.clear()
        gradients(lambda x, k, s: convolution(x, k), normal(1, side, side, 2), normal(size, size, 2, 2), 1)
        return bool(calls)

    assert used(UNFOLDED_UP_TO) and not used(2 * UNFOLDED_UP_TO) and not used(4, size=1)
    monkeypatch.setattr(module, "_on_cpu", lambda: False)
    assert not used(4)
