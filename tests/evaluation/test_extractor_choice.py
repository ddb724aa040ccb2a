"""The choice of an extractor: what it needs."""

import pytest

from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.extractor_choice import choose_extractor


def test_the_data_sets_classifier_needs_examples():
    with pytest.raises(ValueError, match="extractor=dataset must have labeled examples"):
        choose_extractor("dataset", examples=None, resolution=8, transform=Transform())
