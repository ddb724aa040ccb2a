"""Results: several seeds as one, and as JSON."""

import pytest

from sagan_tf.evaluation.protocol import EvaluationResult, over_seeds


def result(fid, seed, extractor="x"):
    return EvaluationResult(metrics={"fid": fid}, protocol={"seed": seed, "extractor": extractor})


def test_mean_and_deviation_of_three_seeds():
    combined = over_seeds([result(1.0, 0), result(2.0, 1), result(6.0, 2)])
    assert combined.metrics == {"fid": pytest.approx(3), "fid_over_seeds_std": pytest.approx(7**0.5)}
    assert combined.protocol == {"seed": [0, 1, 2], "extractor": "x"}


def test_one_result_is_itself():
    only = result(1.0, 0)
    assert over_seeds([only]) is only


def test_different_protocols_have_no_mean():
    with pytest.raises(ValueError, match="differences in extractor"):
        over_seeds([result(1.0, 0), result(2.0, 1, extractor="y")])


def test_what_is_not_finite_is_null_in_json():
    result = EvaluationResult(metrics={"kid_std": float("nan"), "fid": 1.0}, protocol={})
    assert result.record() == {"kid_std": None, "fid": 1.0, "protocol": {}}
