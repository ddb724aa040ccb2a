"""The control of top singular values, against singular value decompositions."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.sigma_control import SigmaControl, top_two

RNG = np.random.default_rng(0)


def test_top_two_finds_the_singular_vectors():
    w = RNG.normal(size=(20, 12)).astype(np.float32) + 3 * np.outer(np.ones(20), np.ones(12)).astype(np.float32)
    left, sigmas, right = np.linalg.svd(w)
    found, v, u = top_two(tf.constant(w))
    np.testing.assert_allclose(found, sigmas[:2], rtol=2e-3)
    np.testing.assert_allclose(np.abs(np.dot(v, left[:, 0])), 1, rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.dot(u, right[0])), 1, rtol=1e-4)


@pytest.mark.parametrize(("control", "expected"), [({"value": 2.0}, [2, 1.5, 1]), ({"ratio": 1.0}, [1.5, 1.5, 1])])
def test_clamping_moves_the_top_singular_value_alone(control, expected):
    kernel = tf.constant(np.diag([4.0, 1.5, 1.0]), tf.float32)
    clamped = SigmaControl(mode="clamped", **control).clamped(kernel)
    np.testing.assert_allclose(np.linalg.svd(clamped, compute_uv=False), sorted(expected, reverse=True), rtol=1e-3)


def test_a_kernel_below_the_limit_is_left_as_it_is():
    kernel = tf.constant(RNG.normal(size=(3, 3, 2, 5)), tf.float32)
    np.testing.assert_array_equal(SigmaControl(value=100.0).clamped(kernel), kernel)


def test_the_penalty_pulls_sigma_0_and_does_not_push_sigma_1():
    kernel = tf.Variable(np.diag([4.0, 1.5, 1.0]), dtype=tf.float32)
    with tf.GradientTape() as tape:
        penalty = SigmaControl(mode="regularized", ratio=2.0, strength=0.5).penalty([tf.convert_to_tensor(kernel)])
    np.testing.assert_allclose(penalty, 0.5 * (4 - 3) ** 2, rtol=1e-3)
    np.testing.assert_allclose(tape.gradient(penalty, kernel), np.diag([1.0, 0, 0]), atol=1e-2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SigmaControl(), "one of value and ratio"),
        (lambda: SigmaControl(mode="hold", value=1.0), "SigmaControl.mode must be one of clamped, regularized"),
        (lambda: SigmaControl(ratio=-1.0), "ratio must be positive"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
