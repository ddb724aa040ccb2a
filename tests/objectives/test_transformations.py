"""Each transformation against its closed form: values, distribution, and gradient."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.transformations import GROUPS, TRANSFORMATIONS
from tests.closeness import ROUNDING, assert_close


def images(n, size=16):
    return np.random.default_rng(size).uniform(-1, 1, (n, size, size, 3)).astype(np.float32)


def grid(n):
    """The midpoints of n equal intervals of (0,1), (n,1): each value of a uniform integer below n once."""
    return ((np.arange(n, dtype=np.float32) + 0.5) / n)[:, None]


def grid_2d(n):
    """All pairs of `grid(n)`, (n*n,2)."""
    first, second = np.meshgrid(grid(n)[:, 0], grid(n)[:, 0], indexing="ij")
    return np.stack([first.ravel(), second.ravel()], 1)


def value_and_gradient(name, x, u, weights=1.0):
    """The result, and the gradient of its weighted sum with respect to x."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        made = TRANSFORMATIONS[name].apply(x, tf.constant(u))
        total = tf.reduce_sum(made * weights)
    return made.numpy(), tape.gradient(total, x).numpy()


def test_brightness_adds_one_number_to_all_of_an_image():
    x, u = images(8), grid(8)
    made, gradient = value_and_gradient("brightness", x, u)
    assert_close(made, x + (u[:, :, None, None] - 0.5), relative=ROUNDING)
    assert_close(made.mean(0) - x.mean(0), np.zeros_like(x[0]), relative=ROUNDING, floor=1)  # the expectation
    np.testing.assert_array_equal(gradient, np.ones_like(x))


def test_saturation_scales_the_distance_from_gray_by_0_to_2():
    x, u = images(4), np.float32([[0.0], [0.25], [0.5], [1.0]])
    weights = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    made, gradient = value_and_gradient("saturation", x, u, weights)
    factor, gray = 2 * u[:, :, None, None], x.mean(-1, keepdims=True)
    assert_close(made, gray + factor * (x - gray), relative=ROUNDING)
    assert np.ptp(made[0], -1).max() < 1e-6  # gray
    assert_close(made[2], x[2], relative=ROUNDING)
    assert_close(made.mean(-1), x.mean(-1), relative=ROUNDING)
    mean = weights.mean(-1, keepdims=True)
    assert_close(gradient, mean + factor * (weights - mean), relative=ROUNDING)


def test_contrast_scales_the_distance_from_the_mean_by_a_half_to_one_and_a_half():
    x, u = images(3), np.float32([[0.0], [0.5], [1.0]])
    weights = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    made, gradient = value_and_gradient("contrast", x, u, weights)
    assert_close(made.mean((1, 2, 3)), x.mean((1, 2, 3)), relative=1e-5, floor=1)
    assert_close(made.std((1, 2, 3)), x.std((1, 2, 3)) * [0.5, 1, 1.5], relative=ROUNDING)
    mean, factor = weights.mean((1, 2, 3), keepdims=True), u[:, :, None, None] + 0.5
    assert_close(gradient, mean + factor * (weights - mean), relative=ROUNDING)


def shifted(x, down, right):
    """An image (R,R,3) shifted by whole pixels, zeros moving in."""
    size = len(x)
    padded = np.pad(x, [(size, size), (size, size), (0, 0)])
    return padded[size - down : 2 * size - down, size - right : 2 * size - right]


@pytest.mark.parametrize(("size", "most"), [(16, 2), (12, 2), (8, 1), (28, 4), (32, 4)])
def test_translation_shifts_by_every_step_of_an_eighth_equally_often_and_pads_with_zeros(size, most):
    n = (2 * most + 1) ** 2
    x = images(n, size)
    made, gradient = value_and_gradient("translation", x, grid_2d(2 * most + 1))
    shifts = [(down, right) for down in range(-most, most + 1) for right in range(-most, most + 1)]
    for image, found, kept, shift in zip(x, made, gradient, shifts, strict=True):
        np.testing.assert_array_equal(found, shifted(image, *shift))
        np.testing.assert_array_equal(kept, shifted(np.ones_like(image), *(-s for s in shift)))


@pytest.mark.parametrize(("size", "side"), [(16, 8), (10, 5), (32, 16)])
def test_cutout_sets_a_square_of_half_the_side_around_a_uniform_center_to_zero(size, side):
    centers = size + (side % 2 == 0)
    x = images(centers**2, size)
    made, gradient = value_and_gradient("cutout", x, grid_2d(centers))
    first = np.arange(centers) - side // 2
    at = np.arange(size)
    inside = (at >= first[:, None]) & (at < first[:, None] + side)  # (centers,R)
    mask = 1 - np.float32(inside[:, None, :, None] & inside[None, :, None, :]).reshape(-1, size, size, 1)
    np.testing.assert_array_equal(made, x * mask)
    np.testing.assert_array_equal(gradient, np.broadcast_to(mask, x.shape))
    # A pixel at least half a side from the edges is cut out by `side` of the centers along each axis.
    middle = mask[:, size // 2, size // 2, 0]
    assert 1 - middle.mean() == pytest.approx((side / centers) ** 2)


def test_flips_mirror_half_of_the_images_and_their_gradient():
    x, weights = images(8), images(8, 16)[::-1].copy()
    made, gradient = value_and_gradient("flip", x, grid(8), weights)
    np.testing.assert_array_equal(made, np.concatenate([x[:4, :, ::-1], x[4:]]))
    np.testing.assert_array_equal(gradient, np.concatenate([weights[:4, :, ::-1], weights[4:]]))


def test_quarter_turns_turn_each_quarter_of_the_images_by_another_right_angle():
    x, weights = images(8), images(8, 16)[::-1].copy()
    made, gradient = value_and_gradient("quarter_turn", x, grid(8), weights)
    for i in range(8):
        np.testing.assert_array_equal(made[i], np.rot90(x[i], i // 2))
        np.testing.assert_array_equal(gradient[i], np.rot90(weights[i], -(i // 2)))


def test_every_transformation_gives_the_same_under_xla_and_has_second_derivatives():
    """A gradient penalty differentiates through the gradient."""
    rng = np.random.default_rng(1)
    x = tf.constant(images(5, 12))
    noise = {name: tf.constant(rng.uniform(size=(5, t.numbers)), tf.float32) for name, t in TRANSFORMATIONS.items()}

    def run(x):
        results = {}
        for name, transformation in TRANSFORMATIONS.items():
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    made = transformation.apply(x, noise[name])
                    total = tf.reduce_sum(made**3)
                slope = inner.gradient(total, x)
                penalty = tf.reduce_sum(slope**2)
            results[name] = made, slope, outer.gradient(penalty, x)
        return results

    plain, compiled = run(x), tf.function(run, jit_compile=True)(x)
    for name in TRANSFORMATIONS:
        for a, b in zip(plain[name], compiled[name], strict=True):
            assert_close(b, a, relative=ROUNDING, name=name)
            assert np.abs(a).max() > 0


def test_groups_name_transformations():
    assert set().union(*GROUPS.values()) <= set(TRANSFORMATIONS)
    assert GROUPS["color"] == ("brightness", "saturation", "contrast")
