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


def test_seeds_share_the_metrics_that_all_of_them_have():
    whole = EvaluationResult(metrics={"is": 5.0, "fid": 1.0}, protocol={"seed": 0})
    alone = EvaluationResult(metrics={"fid": 3.0}, protocol={"seed": 1})
    expected = {"fid": 2.0, "fid_over_seeds_std": pytest.approx(2**0.5)}
    assert over_seeds([whole, alone]).metrics == over_seeds([alone, whole]).metrics == expected


def test_what_is_not_finite_is_null_in_json_and_read_back():
    nan = float("nan")
    result = EvaluationResult(metrics={"kid_std": nan, "fid": 1.0, "by_class": [0.5, nan]}, protocol={"seed": 0})
    record = {"kid_std": None, "fid": 1.0, "by_class": [0.5, None], "protocol": {"seed": 0}}
    assert result.record() == record
    read = EvaluationResult.from_record(record)
    assert str(read.metrics) == str(result.metrics) and read.protocol == result.protocol
    assert "kid_std_over_seeds_std" in over_seeds([read, read]).metrics
