"""The streaming pass: the same bits whatever the batches, the replicas and the interruptions."""

import dataclasses

import numpy as np
import pytest

from sagan_tf.evaluation.activations import BatchedExtractor, collect, rebatched
from sagan_tf.evaluation.features import SavedModelExtractor
from sagan_tf.evaluation.image_sets import generated_images
from tests.closeness import LAYER, assert_close

NEEDS = frozenset({"moments", "features", "labels"})
IMAGES = np.random.default_rng(0).uniform(-1, 1, (23, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def extractor(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "net")
    return SavedModelExtractor(str(tmp_path / "net"))


def images_of(painter, identity="weights-1"):
    return generated_images(painter, count=150, class_names=("a", "b"), resolution=8, seed=0, identity=identity)


def interrupted(images, after):
    def batches(start):
        for number, batch in enumerate(images.batches(start)):
            if number == after:
                raise KeyboardInterrupt
            yield batch

    return dataclasses.replace(images, batches=batches)


def starts_of(images, starts):
    def batches(start):
        starts.append(start)
        return images.batches(start)

    return dataclasses.replace(images, batches=batches)


def run(images, extractor, **options):
    batched = BatchedExtractor(extractor, batch_size=32)
    return collect(images, batched, NEEDS, title="test", save_every_seconds=0, progress=False, **options)


@pytest.mark.parametrize("after", [1, 3])
def test_resuming_ends_with_the_same_bits(painter, extractor, cache, after):
    whole = run(images_of(painter, "other"), extractor)
    images, starts = images_of(painter), []
    with pytest.raises(KeyboardInterrupt):
        run(interrupted(images, after), extractor)
    resumed = run(starts_of(images, starts), extractor)
    assert starts == [32 * after]
    np.testing.assert_array_equal(resumed.moments.covariance, whole.moments.covariance)
    np.testing.assert_array_equal(resumed.features, whole.features)
    np.testing.assert_array_equal(resumed.labels, np.arange(150) % 2)
    assert not list((cache / "partial").iterdir())


@pytest.mark.parametrize("identity", ["weights-2", None])
def test_other_or_unknown_weights_start_anew(painter, extractor, identity):
    with pytest.raises(KeyboardInterrupt):
        run(interrupted(images_of(painter, identity and "weights-1"), 2), extractor)
    starts = []
    run(starts_of(images_of(painter, identity), starts), extractor)
    assert starts == [0]


def test_a_damaged_partial_file_is_left_alone(painter, extractor, cache):
    images, starts = images_of(painter), []
    with pytest.raises(KeyboardInterrupt):
        run(interrupted(images, 2), extractor)
    (partial,) = (cache / "partial").iterdir()
    partial.write_bytes(partial.read_bytes()[:50])
    run(starts_of(images, starts), extractor)
    assert starts == [0]


def all_features(batched, sizes):
    batches = zip(np.split(IMAGES, np.cumsum(sizes)), np.split(np.arange(23), np.cumsum(sizes)), strict=True)
    return [
        np.concatenate(parts)
        for parts in zip(*(batched(images) for images, _ in rebatched(batches, batched.size)), strict=True)
    ]


def test_features_are_the_extractors_own(extractor):
    features, logits = BatchedExtractor(extractor, batch_size=32)(IMAGES)
    expected = extractor(IMAGES)
    assert_close(features, expected[0], relative=LAYER)
    assert_close(logits, expected[1], relative=LAYER)


def test_neither_batches_nor_replicas_change_a_bit(extractor, mirrored):
    one, two = BatchedExtractor(extractor, batch_size=4), BatchedExtractor(extractor, batch_size=4, strategy=mirrored)
    assert (one.size, two.size) == (4, 8)
    whole = all_features(one, [])
    for batched, sizes in ((one, [1, 6, 9]), (two, []), (two, [5])):
        for part, expected in zip(all_features(batched, sizes), whole, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_batches_are_cut_and_joined_in_order():
    batches = [(IMAGES[:5], np.arange(5)), (IMAGES[5:6], np.arange(5, 6)), (IMAGES[6:], np.arange(6, 23))]
    found = list(rebatched(batches, 8))
    assert [len(labels) for _, labels in found] == [8, 8, 7]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in found]), np.arange(23))
    np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), IMAGES)
    assert not list(rebatched([], 8))
