"""The data set's classifier: it learns, is cached by content, and comes back the same."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.order import random_access
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.dataset_classifier import ClassifierBudget, dataset_classifier, train_classifier
from sagan_tf.foundation.npz import read_npz, write_npz
from tests.closeness import LAYER, assert_close

BUDGET = ClassifierBudget(steps=25, batch_size=32)


def classifier_of(examples, **changes):
    return dataset_classifier(examples, **{"resolution": 8, "transform": Transform(), "budget": BUDGET} | changes)


def test_it_tells_the_classes_apart_and_says_how_well(examples):
    classifier = classifier_of(examples)
    images, labels = next(iter(examples.ordered().batch(200)))
    _, logits = classifier(tf.cast(images, tf.float32) / 127.5 - 1)
    assert np.mean(tf.argmax(logits, 1).numpy() == labels.numpy()) > 0.95
    assert classifier.accuracy > 0.9 and classifier.note == f"held-out accuracy {classifier.accuracy:.4f}"
    assert classifier.classifies and classifier.name == "dataset-classifier:two@8"


def test_it_is_trained_once_for_the_same_content(examples, cache):
    first = classifier_of(examples)
    files = sorted(cache.rglob("*.npz"))
    stamps = [path.stat().st_mtime_ns for path in files]
    again = classifier_of(examples)
    assert (again.hash, again.accuracy) == (first.hash, first.accuracy)
    assert len(files) == 1 and [path.stat().st_mtime_ns for path in files] == stamps
    probe = tf.random.stateless_uniform([2, 8, 8, 3], [0, 1])
    np.testing.assert_array_equal(first(probe)[0], again(probe)[0])


@pytest.fixture
def without_meaning(examples):
    """Noise with labels 0 (three in four images) and 1 that have nothing to do with it."""
    rng = np.random.default_rng(0)
    pixels = tf.constant(rng.integers(0, 256, (200, 8, 8, 3), dtype=np.uint8))
    labels = tf.constant(np.arange(200) % 4 == 0, tf.int32)
    stream, ordered = random_access(200, lambda i: (pixels[i], labels[i]))
    return dataclasses.replace(
        examples, name="noise", n_examples=200, fingerprint="noise", stream=stream, ordered=ordered
    )


def test_an_accuracy_near_chance_is_said_on_standard_error_and_in_the_note(without_meaning, examples, cache, capsys):
    classifier = classifier_of(without_meaning)
    assert classifier.chance == 0.75 and classifier.accuracy < 0.875
    assert classifier.note.endswith(
        ", little better than guessing (0.7500): FID, class accuracy and recall by it mean little"
    )
    said = capsys.readouterr().err
    assert "dataset-classifier:noise@8 recognizes the class of" in said and "--extractor=inception" in said
    classifier_of(without_meaning)  # from the cache
    assert "little better than guessing (75.0%)" in capsys.readouterr().err
    classifier_of(examples)
    assert "guessing" not in capsys.readouterr().err


def test_a_cache_of_an_earlier_version_has_no_chance_and_keeps_its_hash(examples, cache):
    first = classifier_of(examples)
    path = next(cache.rglob("*.npz"))
    arrays = read_npz(path)
    del arrays["chance"]
    write_npz(path, arrays)
    again = classifier_of(examples)
    assert again.chance == 0.5 and (again.hash, again.note) == (first.hash, first.note)


@pytest.mark.parametrize("change", ["fingerprint", "transform", "budget"])
def test_other_content_is_another_classifier(examples, cache, change):
    classifier_of(examples)
    if change == "fingerprint":
        classifier_of(dataclasses.replace(examples, fingerprint="two v2"))
    else:
        other = {"transform": Transform(flip=True), "budget": ClassifierBudget(steps=2, batch_size=32)}
        classifier_of(examples, **{change: other[change]})
    assert len(list(cache.rglob("*.npz"))) == 2


def test_training_is_deterministic_and_a_damaged_cache_is_made_anew(examples, cache):
    first = classifier_of(examples)
    path = next(cache.rglob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    assert classifier_of(examples).hash == first.hash


def test_large_images_are_averaged_down(examples):
    classifier = classifier_of(examples, resolution=128)
    images = tf.random.stateless_uniform([2, 128, 128, 3], [0, 1])
    blocks = tf.repeat(tf.repeat(tf.nn.avg_pool2d(images, 2, 2, "VALID"), 2, 1), 2, 2)
    assert_close(classifier(images)[0], classifier(blocks)[0], relative=LAYER)
    assert classifier.resize == "area 64"


def test_the_last_tenth_is_held_out_of_training_and_alone_measures_the_accuracy(examples):
    """Its labels are none of the classes: training on one of them would fail, and none of them can be recognized."""
    images, labels = next(iter(examples.ordered().batch(200).as_numpy_iterator()))
    labels = np.where(np.arange(200) < 180, labels, 2)
    arrays = train_classifier(images, labels, n_classes=2, budget=BUDGET, progress=False)
    assert arrays["accuracy"] == 0.0


def test_one_class_is_refused(examples):
    with pytest.raises(ValueError, match=r"at least 2 classes.*with the classes all\. Name another extractor"):
        classifier_of(dataclasses.replace(examples, class_names=("all",)))


def test_one_image_is_refused(examples):
    with pytest.raises(ValueError, match=r"must number at least 2 .*; received 1 image in two"):
        classifier_of(dataclasses.replace(examples, n_examples=1))
