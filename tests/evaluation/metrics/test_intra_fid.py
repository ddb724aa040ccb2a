"""Intra-FID: class by class, with the classes' own images."""

import numpy as np
import pytest

from sagan_tf.evaluation import tfgan
from sagan_tf.evaluation.metrics.intra_fid import intra_fid

RNG = np.random.default_rng(0)


def test_each_class_is_compared_with_its_own_images():
    labels = RNG.permutation(np.repeat([0, 1, 2], 40))
    features = RNG.normal(size=(120, 5))
    shifts = np.array([0.0, 1.0, 3.0])[labels]
    distances = intra_fid(features, labels, (features + shifts[:, None])[::-1], labels[::-1])
    np.testing.assert_allclose(distances, [0, 5, 45], atol=1e-8)


def test_each_value_is_tfgans():
    real, fake = RNG.normal(size=(60, 8)), RNG.normal(size=(40, 8)) * 2
    real_labels, fake_labels = np.arange(60) % 2, np.arange(40) % 2
    expected = [tfgan.frechet_distance(real[real_labels == c], fake[fake_labels == c]) for c in (0, 1)]
    np.testing.assert_allclose(intra_fid(real, real_labels, fake, fake_labels), expected, rtol=1e-6)


def test_swapped_classes_are_seen_though_the_whole_sets_are_equal():
    labels = np.arange(100) % 2
    features = RNG.normal(size=(100, 4)) + 10 * labels[:, None]
    assert intra_fid(features, labels, features, 1 - labels).min() > 300


def test_a_class_without_images_is_named():
    with pytest.raises(
        ValueError,
        match="2 generated images of each class; received 1 classes with fewer, the first of which is class=2",
    ):
        intra_fid(np.zeros((6, 3)), np.arange(6) % 3, np.zeros((5, 3)), np.array([0, 0, 1, 1, 2]))
