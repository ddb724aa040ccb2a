"""What metrics read must have a row per image, of one width, finite, and one label per row: nothing is broadcast."""

import numpy as np
import pytest

from sagan_tf.evaluation.metrics.fid import frechet_distance_of_features
from sagan_tf.evaluation.metrics.inception_score import inception_score
from sagan_tf.evaluation.metrics.intra_fid import intra_fid
from sagan_tf.evaluation.metrics.kid import kernel_distance
from sagan_tf.evaluation.metrics.precision_recall import precision_recall
from sagan_tf.evaluation.moments import moments_of

X = np.random.default_rng(0).normal(size=(20, 4))


@pytest.mark.parametrize("distance", [kernel_distance, precision_recall, frechet_distance_of_features])
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (X[:, :1], r"shapes \(20, 4\), \(20, 1\)"),
        (X[:, 0], r"shapes \(20, 4\), \(20,\)"),
        (np.where(X > 1, np.nan, X), "must be finite; received NaN or infinity in"),
    ],
)
def test_features_must_be_comparable(distance, other, message):
    with pytest.raises(ValueError, match=message):
        distance(X, other)


def test_single_sides_are_checked_too():
    with pytest.raises(ValueError, match="logits must be finite"):
        inception_score(np.where(X > 1, np.inf, X))
    with pytest.raises(ValueError, match=r"received shape=\(20,\)"):
        moments_of(X[:, 0])
    with pytest.raises(ValueError, match="block_size must be at least 2 images"):
        kernel_distance(X, X, block_size=0)


@pytest.mark.parametrize("labels", [np.arange(10) % 2, np.arange(20)[:, None] % 2, np.arange(20) % 2 - 1])
def test_each_row_has_a_label(labels):
    with pytest.raises(ValueError, match="one for each of the 20 images"):
        intra_fid(X, np.arange(20) % 2, X, labels)
