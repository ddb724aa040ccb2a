"""Likeness in shape of the images of one class: correlations in closed form, and its place in G's loss."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.procedural import render
from sagan_tf.objectives.likeness import excess_likeness, likeness

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (6, 8, 8, 3)).astype(np.float32)


def test_it_is_the_mean_correlation_of_gray_pairs_of_one_class():
    labels = tf.constant([0, 1, 0, 1, 0, 2])
    correlation = np.corrcoef(IMAGES.mean(-1).reshape(6, -1))
    expected = np.mean([correlation[0, 2], correlation[0, 4], correlation[2, 4], correlation[1, 3]])
    assert likeness(IMAGES, labels).numpy() == pytest.approx(expected, abs=1e-4)


def test_one_drawing_in_all_hues_is_alike_and_its_negative_is_opposite():
    drawing = IMAGES[:1].mean(-1, keepdims=True)
    colors = np.array([colorsys.hsv_to_rgb(hue, 0.7, 0.8) for hue in (0, 0.3, 0.6, 0.9)], np.float32)
    painted = drawing * colors[:, None, None]
    assert likeness(painted, tf.zeros(4, tf.int32)).numpy() == pytest.approx(1, abs=1e-3)
    assert likeness(np.concatenate([drawing, -drawing]), tf.zeros(2, tf.int32)).numpy() == pytest.approx(-1, abs=1e-3)


def test_without_a_pair_of_one_class_it_is_0_and_blank_images_have_finite_gradients():
    assert likeness(IMAGES, tf.range(6)).numpy() == 0
    blank = tf.zeros([2, 8, 8, 3])
    with tf.GradientTape() as tape:
        tape.watch(blank)
        value = likeness(blank, tf.zeros(2, tf.int32))
    assert value.numpy() == 0 and np.isfinite(tape.gradient(value, blank)).all()


def test_the_excess_is_over_the_datas_own_and_never_negative():
    real, labels = render(np.arange(200), resolution=32, seed=0) / 127.5 - 1, np.arange(200) % 10
    one_each = real[labels]
    assert excess_likeness(one_each, labels, real, labels).numpy() == pytest.approx(
        1 - likeness(real, labels).numpy(), abs=1e-3
    )
    assert excess_likeness(real, labels, one_each, labels).numpy() == 0
