"""Spread: mean distances and shapes in closed form, and the same arrays however the images came in batches."""

import numpy as np
import pytest

from sagan_tf.data.procedural.procedural import render
from sagan_tf.evaluation.spread import (
    StreamingSpread,
    mean_squared_distances,
    shapes,
    spread_from_arrays,
    spread_to_arrays,
)

REAL = render(np.arange(500), resolution=32, seed=0)
LABELS = np.arange(500) % 10


def test_the_mean_distance_is_the_correlation_of_gray_images():
    gray = REAL[LABELS == 3].astype(np.float64).mean(axis=-1).reshape(50, -1)
    correlation = np.corrcoef(gray)
    expected = 2 * (1 - (correlation.sum() - 50) / (50 * 49))
    assert mean_squared_distances(shapes(REAL), LABELS)[3] == pytest.approx(expected, rel=1e-5)


def test_the_sum_over_pairs_is_that_of_all_pairs():
    rows, labels = np.random.default_rng(0).normal(size=(40, 7)), np.arange(40) % 3
    of_class = rows[labels == 1]
    pairs = [np.sum((a - b) ** 2) for i, a in enumerate(of_class) for b in of_class[:i]]
    assert mean_squared_distances(rows, labels)[1] == pytest.approx(np.mean(pairs))


def test_images_of_one_value_have_no_shape_and_large_images_the_same_one():
    assert not shapes(np.full((2, 8, 8, 3), 0.3)).any()
    large = REAL.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_allclose(shapes(large), shapes(REAL), atol=1e-6)


def test_batches_do_not_matter_and_arrays_bring_it_back():
    images, features = REAL[:60] / 127.5 - 1, np.random.default_rng(0).normal(size=(60, 4))
    whole, parts = StreamingSpread(), StreamingSpread()
    whole.add(images, features, LABELS[:60])
    for start, stop in ((0, 3), (3, 40), (40, 60)):
        parts = StreamingSpread.from_state(parts.state())
        parts.add(images[start:stop], features[start:stop], LABELS[start:stop])
    for found in (parts.result(), spread_from_arrays(spread_to_arrays(parts.result()))):
        arrays = spread_to_arrays(found)
        for name, array in spread_to_arrays(whole.result()).items():
            np.testing.assert_array_equal(arrays[name], array, err_msg=name)


@pytest.mark.parametrize("count", range(3, 12))
def test_equal_rows_are_exactly_0_apart(count):
    rows = np.repeat(np.random.default_rng(count).normal(size=(40, 1, 64)).astype(np.float32), count, axis=1)
    found = mean_squared_distances(rows.reshape(-1, 64), np.repeat(np.arange(40), count))
    np.testing.assert_array_equal(found, np.zeros(40))


@pytest.mark.parametrize(
    ("resolution", "cells"), [(8, 8), (32, 32), (48, 48), (63, 63), (64, 32), (100, 33), (128, 32)]
)
def test_cells_hold_a_whole_number_of_pixels(resolution, cells):
    image = np.random.default_rng(0).uniform(-1, 1, (1, resolution, resolution, 3))
    assert shapes(image).shape == (1, cells**2)
