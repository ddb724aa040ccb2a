"""Class accuracy: hits are counted, labels of other classes refused."""

import numpy as np
import pytest

from sagan_tf.evaluation.metrics.class_accuracy import class_accuracy


def test_class_accuracy_counts_hits_and_refuses_foreign_labels():
    logits = np.eye(4)[[0, 1, 2, 3, 3]]
    assert class_accuracy(logits, np.array([0, 1, 2, 3, 0])) == pytest.approx(0.8)
    with pytest.raises(ValueError, match="below the 4 classes"):
        class_accuracy(logits, np.array([0, 1, 2, 3, 4]))
