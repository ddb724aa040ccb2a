"""Large kernels in their applied form are made again for the gradient where that is asked for: the same numbers."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import linear
from sagan_tf.layers.linear import Conv2D, Dense
from sagan_tf.layers.resampling import ConvDownsample2D, UpsampleConv2D

X = tf.random.stateless_normal([2, 4, 4, 3], [0, 1])
LAYERS = {
    "3x3": lambda **kw: Conv2D(5, **kw),
    "up": lambda **kw: UpsampleConv2D(5, form="fused", **kw),
    "down": lambda **kw: ConvDownsample2D(5, form="fused", **kw),
    "dense": lambda **kw: Dense(5, **kw),
}


@pytest.fixture(autouse=True)
def every_kernel_is_large(monkeypatch):
    monkeypatch.setattr(linear, "LARGE", 1)


def results(make, x, recompute):
    layer = make(recompute=recompute, kernel_initializer=tf.keras.initializers.RandomNormal(seed=1))
    layer(x)
    kernel = tf.convert_to_tensor(layer.kernel)

    @tf.function
    def both_orders(x, kernel):
        with tf.GradientTape() as outer:
            outer.watch([x, kernel])
            with tf.GradientTape() as inner:
                inner.watch([x, kernel])
                out = layer.apply_kernel(x, kernel)
                loss = tf.reduce_sum(tf.sin(tf.cast(out, tf.float32)))
            first = inner.gradient(loss, [x, kernel])
            penalty = tf.reduce_sum(tf.cast(first[0], tf.float32) ** 2)  # R1's
        return [out, *first, *outer.gradient(penalty, [x, kernel])]

    return both_orders(x, kernel)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_outputs_and_gradients_of_both_orders_stay(name, dtype):
    x = tf.cast(X if name != "dense" else X[:, 0, 0], dtype)
    tolerance = 1e-5 if dtype == tf.float32 else 0.1
    for a, b in zip(results(LAYERS[name], x, True), results(LAYERS[name], x, False), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(tf.cast(a, tf.float32), tf.cast(b, tf.float32), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("recompute", "large", "casts"), [(True, 1, 2), (False, 1, 1), (True, 2**20, 1)])
def test_the_applied_kernel_is_made_again(recompute, large, casts, monkeypatch):
    monkeypatch.setattr(linear, "LARGE", large)
    layer, x = Conv2D(5, recompute=recompute), tf.cast(X, tf.bfloat16)
    layer(x)
    kernel = tf.convert_to_tensor(layer.kernel)

    @tf.function
    def gradient(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            out = layer.apply_kernel(x, kernel)
        return tape.gradient(out, [x, kernel])

    found = [op for op in gradient.get_concrete_function(x, kernel).graph.get_operations() if op.type == "Cast"]
    made = [op for op in found if op.get_attr("DstT") == tf.bfloat16 and op.outputs[0].shape == kernel.shape]
    assert len(made) == casts
