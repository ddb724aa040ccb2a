"""The Frechet distance: closed forms, scipy, and equality with TF-GAN."""

import numpy as np
import pytest
from scipy import linalg

from sagan_tf.evaluation import tfgan
from sagan_tf.evaluation.metrics.fid import frechet_distance, frechet_distance_of_features, trace_sqrt_product
from sagan_tf.evaluation.moments import Moments, moments_of

RNG = np.random.default_rng(0)
MIXING = RNG.normal(size=(24, 24))
REAL = RNG.normal(size=(600, 24)) @ MIXING
FAKE = RNG.normal(loc=0.3, size=(400, 24)) @ MIXING * 1.2


def test_equal_covariances_give_the_squared_distance_of_the_means():
    moments = moments_of(REAL)
    moved = moments_of(REAL + np.arange(24))
    assert frechet_distance(moments, moved) == pytest.approx((np.arange(24.0) ** 2).sum(), rel=1e-9)
    assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-8)


def test_commuting_covariances_give_the_squared_differences_of_deviations():
    deviations = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 7.0])
    a, b = (Moments(count=None, mean=np.zeros(3), covariance=np.diag(d**2)) for d in deviations)
    assert frechet_distance(a, b) == pytest.approx(1 + 0 + 16)


def test_frechet_distance_equals_tfgans_and_is_symmetric():
    ours = frechet_distance(moments_of(REAL), moments_of(FAKE))
    assert ours == pytest.approx(tfgan.frechet_distance(REAL, FAKE), rel=1e-6)
    assert ours == pytest.approx(frechet_distance(moments_of(FAKE), moments_of(REAL)), rel=1e-9)


@pytest.mark.parametrize("singular", ["first", "second", "both"])
def test_the_root_of_singular_covariances_is_scipys(singular):
    projection = np.diag([1.0] * 20 + [0.0] * 4)
    a, b = (np.cov(features, rowvar=False) for features in (REAL, FAKE))
    a = projection @ a @ projection if singular in ("first", "both") else a
    b = projection @ b @ projection if singular in ("second", "both") else b
    jitter = 1e-9 * np.eye(24)
    assert trace_sqrt_product(a, b) == pytest.approx(np.trace(linalg.sqrtm((a + jitter) @ (b + jitter)).real), rel=1e-4)


@pytest.mark.parametrize("counts", [(10, 15), (10, 300), (300, 10), (300, 300)])
def test_distance_by_features_equals_the_distance_by_moments(counts):
    real, fake = REAL[: counts[0]], FAKE[: counts[1]]
    by_moments = frechet_distance(moments_of(real), moments_of(fake))
    assert frechet_distance_of_features(real, fake) == pytest.approx(by_moments, rel=1e-5)
    assert frechet_distance_of_features(real, fake) == pytest.approx(tfgan.frechet_distance(real, fake), rel=1e-4)


def test_features_of_different_widths_are_refused():
    with pytest.raises(ValueError, match="widths=24, 23"):
        frechet_distance(moments_of(REAL), moments_of(FAKE[:, 1:]))
