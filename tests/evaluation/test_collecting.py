"""One pass over a set: interrupted and resumed, it ends with the same bits, and never resumes what it can't tell."""

import dataclasses

import numpy as np
import pytest

from sagan_tf.evaluation.batched_extractor import BatchedExtractor
from sagan_tf.evaluation.collecting import collect
from sagan_tf.evaluation.features import SavedModelExtractor
from sagan_tf.evaluation.image_sets import generated_images

NEEDS = frozenset({"moments", "features", "labels"})


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
    passes = BatchedExtractor(extractor, batch_size=32)
    return collect(images, passes, NEEDS, title="test", save_every_seconds=0, progress=False, **options)


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
