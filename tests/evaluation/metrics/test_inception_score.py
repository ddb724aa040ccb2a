"""Inception Score: closed forms, and equality with TF-GAN."""

import numpy as np
import pytest

from sagan_tf.evaluation import tfgan
from sagan_tf.evaluation.metrics.inception_score import inception_score


def test_identical_predictions_score_1():
    mean, deviation = inception_score(np.tile([[1.0, 2.0, 3.0]], (50, 1)))
    assert mean == pytest.approx(1) and deviation == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("order", ["in turn", "class by class"])
def test_certain_and_balanced_predictions_score_the_number_of_classes(order):
    labels = np.arange(10_000) % 10
    logits = 100.0 * np.eye(10)[labels if order == "in turn" else np.sort(labels)]
    assert inception_score(logits, splits=1)[0] == pytest.approx(10)
    mean, deviation = inception_score(logits, splits=10)
    assert mean == pytest.approx(10, rel=0.01) and deviation < 0.1


def test_two_certain_classes_in_unequal_shares_score_the_exponential_of_their_entropy():
    logits = 100.0 * np.eye(2)[[0, 0, 0, 1]]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert inception_score(logits, splits=1)[0] == pytest.approx(np.exp(entropy))


def test_inception_score_equals_tfgans_across_chunks():
    logits = np.random.default_rng(1).normal(scale=3, size=(5000, 20)).astype(np.float32)
    assert inception_score(logits, splits=1)[0] == pytest.approx(tfgan.inception_score(logits), rel=1e-9)


def test_fewer_images_than_splits_are_refused():
    with pytest.raises(ValueError, match=r"splits=10; received shape=\(9, 3\)"):
        inception_score(np.zeros((9, 3)))
