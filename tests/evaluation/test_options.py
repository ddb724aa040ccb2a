"""The options of an evaluation are checked at construction."""

import pytest

from sagan_tf.evaluation.options import EvaluationOptions


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"metrics": ("fdi",)}, "received metrics='fdi'. Did you mean 'fid'?"),
        ({"metrics": "fid"}, "must be a tuple of names; received metrics='fid'. Write ('fid',)."),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1; received n_samples=0"),
        ({"batch_size": "64"}, "received batch_size='64'"),
        ({"n_samples": True}, "received n_samples=True"),
        ({"allow_few_samples": "no"}, "allow_few_samples must be True or False; received allow_few_samples='no'"),
        ({"seed": -1}, "seed must be in [0, 2^31); received seed=-1"),
        ({"seed": 2**31}, "received seed=2147483648"),
        ({"seed": 0.5}, "received seed=0.5"),
        ({"truncation": float("inf")}, "received threshold=inf"),
    ],
)
def test_options_are_checked_at_construction(option, message):
    with pytest.raises(ValueError) as caught:
        EvaluationOptions(**option)
    assert message in str(caught.value)
