"""Streaming moments: the same as numpy's on all features at once, however the features came."""

import numpy as np
import pytest

from sagan_tf.evaluation.array_files import write_moments
from sagan_tf.evaluation.cache import read_arrays
from sagan_tf.evaluation.moments import Moments, StreamingMoments, moments_from_arrays, moments_of

FEATURES = np.random.default_rng(0).normal(loc=1e4, scale=[1.0, 2.0, 3.0], size=(3000, 3))


def test_streamed_moments_are_numpys_far_from_the_origin():
    moments = moments_of(FEATURES)
    assert moments.count == 3000
    np.testing.assert_allclose(moments.mean, FEATURES.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(FEATURES, rowvar=False), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("batch", [1, 64, 1023, 1025, 3000])
def test_batches_do_not_change_a_bit(batch):
    streaming = StreamingMoments(3)
    for start in range(0, 3000, batch):
        streaming.add(FEATURES[start : start + batch])
    np.testing.assert_array_equal(streaming.result().covariance, moments_of(FEATURES).covariance)


def test_merged_parts_equal_the_whole_and_the_merged_is_untouched():
    first, second = StreamingMoments(3), StreamingMoments(3)
    first.add(FEATURES[:700])
    second.add(FEATURES[700:])
    before = second.result()
    first.merge(second)
    np.testing.assert_allclose(first.result().covariance, np.cov(FEATURES, rowvar=False), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(second.result().mean, before.mean)


def test_state_resumes_bit_for_bit():
    streaming = StreamingMoments(3)
    streaming.add(FEATURES[:1500])
    resumed = StreamingMoments.from_state({name: np.copy(value) for name, value in streaming.state().items()})
    resumed.add(FEATURES[1500:])
    np.testing.assert_array_equal(resumed.result().covariance, moments_of(FEATURES).covariance)


def test_result_can_be_asked_for_before_the_end():
    streaming = StreamingMoments(3)
    streaming.add(FEATURES[:10])
    np.testing.assert_allclose(streaming.result().mean, FEATURES[:10].mean(0))
    streaming.add(FEATURES[10:])
    assert streaming.result().count == 3000


def test_one_image_and_a_wrong_width_are_refused():
    with pytest.raises(ValueError, match="at least 2 images; received count=1"):
        moments_of(FEATURES[:1])
    with pytest.raises(ValueError, match=r"must be \(B, 3\); received shape=\(2, 4\)"):
        StreamingMoments(3).add(np.zeros((2, 4)))


def test_files_hold_mu_sigma_and_come_back(tmp_path):
    write_moments(tmp_path / "m.npz", moments_of(FEATURES), protocol={"extractor": "x"})
    arrays = read_arrays(tmp_path / "m.npz")
    np.testing.assert_allclose(arrays["mu"], FEATURES.mean(0))
    moments, protocol = moments_from_arrays(arrays)
    assert moments.count == 3000 and protocol == {"extractor": "x"}
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


def test_a_foreign_file_has_an_unknown_count_and_consistent_shapes():
    moments, protocol = moments_from_arrays({"mu": np.zeros(2, np.float32), "sigma": np.eye(2, dtype=np.float32)})
    assert moments.count is None and protocol == {} and moments.covariance.dtype == np.float64
    with pytest.raises(ValueError, match=r"mean=\(2,\), covariance=\(3, 3\)"):
        Moments(count=None, mean=np.zeros(2), covariance=np.eye(3))
