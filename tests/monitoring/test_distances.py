"""Distances of sets of images whose distances are known."""

import numpy as np
import pytest

from sagan_tf.monitoring.distances import distances


def plain(*levels):
    return np.stack([np.full((2, 2, 3), level, np.uint8) for level in levels])


def test_black_and_white_are_two_apart():
    found = distances(plain(0, 255, 0, 255), np.array([0, 1, 0, 1]))
    assert found.overall == pytest.approx(2 * 4 / 6)
    assert found.within_class == 0 and found.nearest == 0
    assert found.duplicates == pytest.approx(2 / 6)


def test_the_mean_is_over_pairs_and_the_difference_over_channels():
    images = plain(100, 100)
    images[1, 0, 0, 0] = 151  # one of 12 values, by 51 levels
    found = distances(images, np.array([0, 0]))
    expected = 51 / 127.5 / np.sqrt(12)
    assert vars(found) == pytest.approx(
        {"overall": expected, "within_class": expected, "nearest": expected, "duplicates": 0.0}
    )


def test_one_level_is_more_than_a_duplicate_and_less_is_one():
    assert distances(plain(10, 11), np.array([0, 0])).duplicates == 0
    images = plain(10, 10)
    images[1, 0, 0] = 11
    assert distances(images, np.array([0, 0])).duplicates == 1
