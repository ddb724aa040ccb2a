"""The kernel distance: closed forms, no bias, and equality with TF-GAN."""

import numpy as np
import pytest

from sagan_tf.evaluation import tfgan
from sagan_tf.evaluation.activations import Activations
from sagan_tf.evaluation.metrics import METRICS
from sagan_tf.evaluation.metrics.kid import kernel_distance

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(310, 6)), RNG.normal(loc=0.4, size=(290, 6))


@pytest.mark.parametrize("block_size", [64, 100, 310])
def test_kernel_distance_equals_tfgans(block_size):
    ours = kernel_distance(REAL, FAKE, block_size=block_size)
    assert ours == pytest.approx(tfgan.kernel_distance(REAL, FAKE, block_size=block_size), rel=1e-9, nan_ok=True)


def test_kernel_distance_is_unbiased():
    halves = [kernel_distance(*np.split(RNG.normal(size=(80, 4)), 2))[0] for _ in range(400)]
    assert abs(np.mean(halves)) < 4 * np.std(halves) / 20
    assert np.min(halves) < 0 < np.max(halves)


def test_kernel_distance_of_two_points_by_hand():
    # k(x,y) = (xy + 1)^3 in one dimension: mean over distinct pairs of a is 27, of b 1, across 1.
    assert kernel_distance(np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]]))[0] == pytest.approx(27 + 1 - 2 * 1)


def test_sides_of_very_different_size_are_refused():
    with pytest.raises(ValueError, match="4 blocks; received counts=310, 5"):
        kernel_distance(REAL, REAL[:5], block_size=100)


def test_kid_does_not_depend_on_the_order_of_the_classes():
    class_by_class = np.concatenate([RNG.normal(size=(1500, 3)), RNG.normal(loc=5, size=(1500, 3))])
    other = np.concatenate([RNG.normal(size=(1500, 3)), RNG.normal(loc=5, size=(1500, 3))])[::-1]
    values = METRICS["kid"].measure(Activations(features=other), Activations(features=class_by_class))
    assert abs(values["kid"]) < 4 * values["kid_std"]
