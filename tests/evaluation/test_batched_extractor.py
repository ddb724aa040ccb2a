"""BatchedExtractor of one fixed size: whatever the batches and however many replicas, the same bits."""

import numpy as np
import pytest

from sagan_tf.evaluation.batched_extractor import BatchedExtractor, in_passes
from sagan_tf.evaluation.features import SavedModelExtractor
from tests.closeness import LAYER, assert_close

IMAGES = np.random.default_rng(0).uniform(-1, 1, (23, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def extractor(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "net")
    return SavedModelExtractor(str(tmp_path / "net"))


def all_features(passes, sizes):
    batches = zip(np.split(IMAGES, np.cumsum(sizes)), np.split(np.arange(23), np.cumsum(sizes)), strict=True)
    return [
        np.concatenate(parts)
        for parts in zip(*(passes(images) for images, _ in in_passes(batches, passes.size)), strict=True)
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
    for passes, sizes in ((one, [1, 6, 9]), (two, []), (two, [5])):
        for part, expected in zip(all_features(passes, sizes), whole, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_batches_are_cut_and_joined_in_order():
    batches = [(IMAGES[:5], np.arange(5)), (IMAGES[5:6], np.arange(5, 6)), (IMAGES[6:], np.arange(6, 23))]
    found = list(in_passes(batches, 8))
    assert [len(labels) for _, labels in found] == [8, 8, 7]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in found]), np.arange(23))
    np.testing.assert_array_equal(np.concatenate([images for images, _ in found]), IMAGES)
    assert not list(in_passes([], 8))
