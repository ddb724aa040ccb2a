"""Variety within classes: closed forms, colors that it must not see, and copies that it must count."""

import colorsys

import numpy as np
import pytest

from sagan_tf.data.procedural.procedural import render
from sagan_tf.evaluation.metrics.variety import variety
from sagan_tf.evaluation.spread import StreamingSpread

REAL = render(np.arange(500), resolution=32, seed=0)
LABELS = np.arange(500) % 10


def spread_of(images, labels=LABELS, features=None):
    images = np.asarray(images)
    streaming = StreamingSpread()
    features = images.reshape(len(images), -1)[:, ::97] / 255 if features is None else features
    streaming.add(images / 127.5 - 1, features, labels)
    return streaming.result()


def repeated(k):
    """The real set with only the first k images of each class, over and over."""
    return REAL[np.arange(500) % (10 * k)]


def test_the_data_against_themselves_are_1():
    found = variety(spread_of(REAL), spread_of(REAL))
    assert (found.shape, found.feature, found.distinct) == (1.0, 1.0, 1.0)
    np.testing.assert_array_equal(found.shape_by_class, np.ones(10))


def test_other_images_of_the_same_data_are_nearly_1():
    other = render(np.arange(500), resolution=32, seed=1)
    found = variety(spread_of(other), spread_of(REAL))
    assert [found.shape, found.feature, found.distinct] == pytest.approx([1, 1, 1], abs=0.1)


def test_one_image_per_class_is_0():
    found = variety(spread_of(repeated(1)), spread_of(REAL))
    assert [found.shape, found.feature, found.distinct] == pytest.approx([0, 0, 0], abs=1e-6)
    assert np.isfinite(found.shape_by_class).all()


@pytest.mark.parametrize("k", [5, 10, 25])
def test_k_distinct_images_of_50_are_about_k_of_50_and_apart_by_1_minus_1_over_k(k):
    found = variety(spread_of(repeated(k)), spread_of(REAL))
    assert found.distinct == pytest.approx(k / 50, abs=0.08)
    assert found.shape == pytest.approx(1 - 1 / k, abs=0.08)


def test_one_shape_in_all_hues_and_contrasts_is_no_variety_of_shape():
    rng = np.random.default_rng(0)
    drawing = REAL[5].astype(np.float64).mean(axis=-1, keepdims=True) / 255  # eyes, in gray
    colors = np.array([colorsys.hsv_to_rgb(hue, 0.8, 1.0) for hue in rng.random(500)])
    painted = drawing * colors[:, None, None]
    one_drawing = np.rint(painted * rng.uniform(0.5, 1, (500, 1, 1, 1)) * 255).astype(np.uint8)
    found = variety(spread_of(one_drawing), spread_of(REAL))
    assert found.shape < 0.01 and found.distinct < 0.01
    assert found.feature > 0.1, "features that see color see it"


def test_a_class_that_a_side_lacks_does_not_count_and_none_is_refused():
    some = LABELS < 7
    found = variety(spread_of(REAL[some], LABELS[some]), spread_of(REAL))
    assert found.shape == pytest.approx(1) and len(found.shape_by_class) == 7
    with pytest.raises(ValueError, match="2 images of a class on both sides; received at most 1"):
        variety(spread_of(REAL[:10], LABELS[:10]), spread_of(REAL))
