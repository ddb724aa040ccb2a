"""Counts are integers of Python or NumPy within their bound."""

import numpy as np
import pytest

from sagan_tf.foundation.integers import check_integer


@pytest.mark.parametrize("value", [2, 7, np.int32(2), np.uint8(255)])
def test_integers_from_the_bound_on_pass(value):
    check_integer("steps", value, 2)


@pytest.mark.parametrize("value", [1, -3, True, 2.0, np.float32(3), "3", None])
def test_others_are_refused_with_their_value(value):
    with pytest.raises(ValueError) as refused:
        check_integer("steps", value, 2, what="the two ends", hint="Give two.")
    said = f"steps must be an integer of at least 2, the two ends; received steps={value!r}. Give two."
    assert str(refused.value) == said


@pytest.mark.parametrize("value", [-1, 9, np.int64(9), True])
def test_a_range_has_its_own_words(value):
    check_integer("seed", 8, 0, most=8)
    with pytest.raises(ValueError) as refused:
        check_integer("seed", value, 0, most=8, owner="Options")
    assert str(refused.value) == f"Options.seed must be an integer from 0 to 8; received seed={value!r}."
