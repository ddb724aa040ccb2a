"""Data without classes are measured by a network that tells how their images are turned."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.order import random_access
from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.dataset_classifier import ClassifierBudget, check_learnable, dataset_classifier
from sagan_tf.evaluation.extractor_choice import extractor_traits
from sagan_tf.evaluation.rotations import FEWEST, with_turns


def test_each_image_comes_in_four_orientations_side_by_side():
    images = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    turned, turns = with_turns(images)
    assert turned.shape == (8, 2, 2, 3) and turns.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    np.testing.assert_array_equal(turned[0], images[0])
    # counterclockwise: the upper right corner becomes the upper left one
    np.testing.assert_array_equal(turned[1][0, 0], images[0][0, 1])
    np.testing.assert_array_equal(turned[6], images[1][::-1, ::-1])


@pytest.fixture
def lit_from_above(cache):
    """120 images without classes, light in the upper half: their orientation can be told."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (120, 8, 8, 3), dtype=np.uint8)
    images[:, :4] += 150
    pixels = tf.constant(images)
    stream, ordered = random_access(120, lambda i: (pixels[i], tf.constant(0)))
    return Examples(
        name="lit", class_names=("lit",), n_examples=120, fingerprint="lit", stream=stream, ordered=ordered,
        label_kind="none",
    )  # fmt: skip


def test_it_learns_the_orientations_and_gives_features_alone(lit_from_above):
    budget = ClassifierBudget(steps=60, batch_size=32)
    extractor = dataset_classifier(lit_from_above, resolution=8, transform=Transform(), budget=budget, progress=False)
    assert extractor.accuracy > 0.9 and extractor.note.endswith("in recognizing rotations")
    assert (extractor.name, extractor.classifies, extractor.n_logits) == ("dataset-rotations:lit@8", False, 0)
    features, logits = extractor(tf.zeros([2, 8, 8, 3]))
    assert features.shape == (2, extractor.n_features) and logits.shape == (2, 0)
    traits = extractor_traits("dataset", lit_from_above)
    assert (traits.name, traits.n_logits, traits.classifies) == ("dataset-rotations:lit", 0, False)


def test_too_few_images_without_classes_are_refused(lit_from_above):
    check_learnable(dataclasses.replace(lit_from_above, n_examples=FEWEST))
    with pytest.raises(ValueError, match=f"without classes must number at least {FEWEST} .*received 31 images in lit"):
        check_learnable(dataclasses.replace(lit_from_above, n_examples=FEWEST - 1))
