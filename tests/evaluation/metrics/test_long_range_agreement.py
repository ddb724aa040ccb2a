"""Long-range agreement: a mean over the images whose class defines it."""

import numpy as np
import pytest

from sagan_tf.evaluation.metrics.long_range_agreement import long_range_agreement


def test_agreement_leaves_undefined_classes_out():
    assert long_range_agreement(np.array([np.nan, 1.0, 0.5, np.nan])) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="scores=2, all NaN"):
        long_range_agreement(np.full(2, np.nan))
