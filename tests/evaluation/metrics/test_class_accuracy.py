"""Class accuracy: hits are counted, labels of other classes refused."""

import numpy as np
import pytest

from sagan_tf.evaluation.metrics.class_accuracy import class_accuracy


def test_class_accuracy_counts_hits_and_refuses_foreign_labels():
    logits = np.eye(4)[[0, 1, 2, 3, 3]]
    assert class_accuracy(logits, np.array([0, 1, 2, 3, 0])) == pytest.approx(0.8)
    with pytest.raises(ValueError, match="below the 4 classes"):
        class_accuracy(logits, np.array([0, 1, 2, 3, 4]))


@pytest.mark.parametrize("labels", [np.arange(4)[:, None], np.arange(1), np.arange(4.0), np.array([0, 1, 2, -1])])
def test_labels_must_be_one_integer_per_row(labels):
    with pytest.raises(ValueError, match="labels must be integers from 0 on, one for each of the 4 images"):
        class_accuracy(np.eye(4), labels)


def test_no_images_have_no_accuracy():
    with pytest.raises(ValueError, match="at least 1 image"):
        class_accuracy(np.zeros((0, 4)), np.zeros(0, int))
