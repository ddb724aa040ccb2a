import numpy as np
import pytest

from sagan_tf.figures.neighbors import nearest, pixels


def batches(images, size=7):
    for start in range(0, len(images), size):
        yield images[start : start + size], np.arange(start, min(start + size, len(images)))


def test_the_nearest_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (30, 4, 4, 3)).astype(np.float32)
    queries = rng.uniform(-1, 1, (3, 4, 4, 3)).astype(np.float32)
    found = nearest(queries, batches(images), 5, {"pixels": pixels, "mean": lambda x: x.mean((1, 2))})
    rms = np.sqrt(((queries[:, None] - images[None]) ** 2).mean((2, 3, 4)))
    means = np.linalg.norm(queries.mean((1, 2))[:, None] - images.mean((1, 2))[None], axis=-1)
    for space, all_pairs in (("pixels", rms), ("mean", means)):
        order = np.argsort(all_pairs, axis=1)[:, :5]
        np.testing.assert_array_equal(found[space].labels, order)
        np.testing.assert_allclose(found[space].distances, np.take_along_axis(all_pairs, order, 1), rtol=1e-5)
        np.testing.assert_array_equal(found[space].images, images[order])


def test_a_copy_is_found_at_no_distance_and_a_shift_at_its_size():
    images = np.zeros((9, 2, 2, 3), np.float32)
    images += np.linspace(-0.8, 0.8, 9, dtype=np.float32)[:, None, None, None]
    found = nearest(images[3:4], batches(images), 2, {"pixels": pixels})["pixels"]
    assert found.labels[0, 0] == 3
    np.testing.assert_allclose(found.distances[0], [0, 0.2], atol=1e-6)


def test_too_few_images_are_refused():
    images = np.zeros((3, 2, 2, 3), np.float32)
    with pytest.raises(ValueError, match=r"must be 4 images.*received 3"):
        nearest(images[:1], batches(images), 4, {"pixels": pixels})
