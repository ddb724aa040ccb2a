"""Likeness in shape of the images of one class: correlations in closed form, and its place in G's loss."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.procedural.procedural import render
from sagan_tf.objectives.likeness import excess_likeness, likeness

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (6, 8, 8, 3)).astype(np.float32)


def test_it_is_the_mean_correlation_of_gray_pairs_of_each_class():
    labels = tf.constant([0, 1, 0, 1, 0, 2])
    correlation = np.corrcoef(IMAGES.mean(-1).reshape(6, -1))
    expected = [np.mean([correlation[0, 2], correlation[0, 4], correlation[2, 4]]), correlation[1, 3], 0, 0]
    found, known = likeness(IMAGES, labels, tf.range(4))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(known, [1, 1, 0, 0])


def test_one_drawing_in_all_hues_is_alike_and_its_negative_is_opposite():
    drawing = IMAGES[:1].mean(-1, keepdims=True)
    colors = np.array([colorsys.hsv_to_rgb(hue, 0.7, 0.8) for hue in (0, 0.3, 0.6, 0.9)], np.float32)
    for images, expected in ((drawing * colors[:, None, None], 1), (np.concatenate([drawing, -drawing]), -1)):
        found, _ = likeness(images, tf.zeros(len(images), tf.int32), tf.constant([0]))
        assert found[0].numpy() == pytest.approx(expected, abs=1e-3)


def test_blank_images_are_alike_whatever_noise_they_have():
    noise = tf.constant(0.01 * IMAGES)
    labels = tf.zeros(6, tf.int32)
    assert abs(likeness(noise, labels, tf.constant([0]))[0][0].numpy()) < 0.2, "scaled up, noise is all different"
    assert likeness(noise, labels, tf.constant([0]), 0.2)[0][0].numpy() > 0.99
    assert excess_likeness(noise, labels, tf.constant(IMAGES), labels).numpy() > 0.8
    blank = tf.zeros([2, 8, 8, 3])
    with tf.GradientTape() as tape:
        tape.watch(blank)
        value, _ = likeness(blank, tf.zeros(2, tf.int32), tf.constant([0]), 0.2)
    assert value[0].numpy() == 1 and np.isfinite(tape.gradient(value, blank)).all()


def test_the_excess_is_over_the_datas_own_class_by_class():
    labels = np.arange(200) % 10
    real = (render(np.arange(200), resolution=32, seed=0) / 127.5 - 1).astype(np.float32)
    own = likeness(real, labels, tf.range(10))[0].numpy()
    one_each = real[labels]
    assert excess_likeness(one_each, labels, real, labels).numpy() == pytest.approx(1 - np.mean(own), abs=1e-3)
    assert excess_likeness(real, labels, one_each, labels).numpy() == 0
    some = np.where((labels == 3)[:, None, None, None], one_each, real)
    assert excess_likeness(some, labels, real, labels).numpy() == pytest.approx((1 - own[3]) / 10, abs=1e-3)


def test_a_class_without_a_pair_on_a_side_does_not_count():
    labels = np.array([0, 0, 1, 1, 2, 3])
    others = np.array([0, 0, 2, 2, 1, 3])
    pair = np.concatenate([IMAGES[:1], IMAGES[:1], IMAGES[2:]])
    expected = 1 - np.corrcoef(IMAGES[:2].mean(-1).reshape(2, -1))[0, 1]
    assert excess_likeness(pair, labels, IMAGES, others).numpy() == pytest.approx(expected, abs=1e-3)
    assert excess_likeness(IMAGES, np.arange(6), IMAGES, labels).numpy() == 0
