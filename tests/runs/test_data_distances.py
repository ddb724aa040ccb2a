"""Distances between real images: the same numbers however many images fit into memory."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.order import random_access
from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.runs import data_distances
from sagan_tf.runs.data_distances import image_distances, real_distances

# 5 images of class 0, 90 of class 1, 60 of class 2 and 45 of class 3.
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [5, 90, 60, 45])).astype(np.int32)
IMAGES = np.random.default_rng(1).integers(0, 256, (len(LABELS), 8, 8, 3), np.uint8)
SETTINGS = SimpleNamespace(spec=SimpleNamespace(resolution=8), seed=3, transform=Transform())
BYTES = IMAGES[0].nbytes


@pytest.fixture
def examples():
    stream, ordered = random_access(len(LABELS), lambda i: (tf.gather(IMAGES, i), tf.gather(LABELS, i)), parallel=False)
    names = ("a", "b", "c", "d")
    return Examples(
        name="n", class_names=names, n_examples=len(LABELS), fingerprint="f", stream=stream, ordered=ordered
    )


def expected(examples, classes, each, groups):
    """The same from all of the first 256 rows at once: what the order's four batches of 64 hold."""
    rows = list(examples.stream(seed=SETTINGS.seed).take(256).as_numpy_iterator())
    images, labels = np.stack([image for image, _ in rows]), np.array([label for _, label in rows])
    of_class = {label: np.flatnonzero(labels == label) for label in classes}
    parts = [np.concatenate([of_class[label][g * each : (g + 1) * each] for label in classes]) for g in range(groups)]
    found = [vars(image_distances(images[part], labels[part])) for part in parts]
    return {name: np.mean([one[name] for one in found]) for name in found[0]}


@pytest.mark.parametrize(
    ("wanted", "used", "groups"), [([3, 2], [2, 3], 4), ([0, 3], [1, 2], 4), ([0, 1, 2, 3], [0, 1, 2, 3], 2)]
)
@pytest.mark.parametrize("room", [0, 20 * BYTES, 1000 * BYTES])
def test_the_numbers_do_not_depend_on_the_room(wanted, used, groups, room, examples, monkeypatch):
    """The wanted classes; the most frequent two in place of a class with too few images; few images of each."""
    each = 3 if len(wanted) == 4 else 8
    monkeypatch.setattr(data_distances, "_ROOM", room)
    found = real_distances(SETTINGS, examples, np.repeat(wanted, each))
    assert vars(found) == expected(examples, used, each, groups)


def test_the_images_that_are_kept_are_bounded_and_the_data_read_twice_only_if_some_lack(examples, monkeypatch):
    kept, read, rows = [], [], data_distances._rows
    monkeypatch.setattr(data_distances, "_rows", lambda *a: (read.append(1), rows(*a))[1])
    for room, wanted in ((0, [2, 3]), (20 * BYTES, [0, 3]), (1000 * BYTES, [0, 3])):
        monkeypatch.setattr(data_distances, "_ROOM", room)
        kept.append(len(data_distances._read(SETTINGS, examples, wanted, 32)[0]))
        real_distances(SETTINGS, examples, np.repeat(wanted, 8))
    few, all_of_3 = np.sum(LABELS == 0), 32
    assert kept[0] == 64 and few + all_of_3 <= kept[1] - 20 <= 2 * few + all_of_3  # the order's end repeats its start
    assert len(read) == 2 + 3 + 2


def test_without_enough_images_of_any_class_there_are_none(examples):
    assert real_distances(SETTINGS, examples, np.repeat([0, 1, 2, 3], 80)) is None
