import numpy as np
import pytest

from sagan_tf.data.procedural.long_range_agreement import _cells, agreement
from sagan_tf.data.procedural.procedural import render


@pytest.fixture(scope="module", params=[32, 48])
def structures(request):
    """50 images of each structure class, and their labels."""
    indices = np.arange(500)
    indices = indices[indices % 10 >= 5]
    return render(indices, resolution=request.param, seed=1) / 127.5 - 1, indices % 10


def halves_swapped(images, labels):
    """Each image keeps its left (or upper) half and takes the other from the next image of its class."""
    half = images.shape[1] // 2
    swapped, donors = images.copy(), np.roll(images, 5, axis=0)  # classes alternate, five of them
    for row, label in enumerate(labels):
        if label == 7:  # rings lie above each other
            swapped[row, half:] = donors[row, half:]
        else:
            swapped[row, :, half:] = donors[row, :, half:]
    return swapped


def test_real_images_agree(structures):
    images, labels = structures
    assert agreement(images, labels).min() > 0.97


def test_halves_of_different_images_disagree(structures):
    images, labels = structures
    scores = agreement(halves_swapped(images, labels), labels)
    for label in range(5, 10):
        assert scores[labels == label].mean() < 0.45
    assert (scores > 0.8).mean() < 0.08


def test_a_missing_part_scores_nothing(structures):
    images, labels = structures
    half = images.shape[1] // 2
    for label, erased in ((5, np.s_[:, :, half:]), (7, np.s_[:, half:])):
        alone = images[labels == label].copy()
        alone[erased] = alone[:, half : half + 1, half : half + 1]  # the background shows in the middle
        assert agreement(alone, labels[labels == label]).max() < 0.05


def test_survives_noise_and_blur(structures):
    images, labels = structures
    noisy = images + np.random.default_rng(0).normal(0, 0.1, images.shape)
    blurred = (images + np.roll(images, 1, 1) + np.roll(images, 1, 2) + np.roll(images, 1, (1, 2))) / 4
    assert agreement(noisy, labels).mean() > 0.8
    assert agreement(blurred, labels).mean() > 0.75


def test_textures_and_blank_images():
    blank = np.zeros((10, 32, 32, 3))
    scores = agreement(blank, np.arange(10))
    assert np.isnan(scores[:5]).all()
    np.testing.assert_array_equal(scores[5:], 0)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(2, 32, 16, 3\)"):
        agreement(np.zeros((2, 32, 16, 3)), np.zeros(2))


@pytest.mark.parametrize("size", [20, 47, 200])
def test_cells_of_uneven_sizes_are_averages_by_area(size):
    images = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3))
    every = size // np.gcd(size, 16)  # fine cells, of which each pixel and each cell holds a whole number
    fine = images.repeat(16 * every // size, axis=1).repeat(16 * every // size, axis=2)
    expected = fine.reshape(2, 16, every, 16, every, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(_cells(images), expected, atol=1e-12)
