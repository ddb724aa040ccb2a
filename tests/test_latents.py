"""The distributions of the draws, and their keys."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import latents


def test_normal_and_uniform_have_their_moments():
    key = latents.key(3, 0, 5)
    z = latents.LATENTS["normal"]([100_000], key).numpy()
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01 and np.isfinite(z).all()
    np.testing.assert_allclose(np.quantile(z, [0.025, 0.975]), [-1.96, 1.96], atol=0.03)
    u = latents.LATENTS["uniform"]([100_000], key).numpy()
    assert abs(u.mean()) < 0.01 and -1 < u.min() < -0.999 and 0.999 < u.max() < 1


def test_draws_are_functions_of_the_key_alone_and_equal_under_xla():
    draw = tf.function(lambda k: latents.normal([64], k))
    jitted = tf.function(lambda k: latents.normal([64], k), jit_compile=True)
    key = latents.key(1, 2, 3)
    np.testing.assert_array_equal(draw(key), draw(key))
    np.testing.assert_allclose(draw(key), jitted(key), atol=2e-4)
    for other in (latents.key(2, 2, 3), latents.key(1, 3, 3), latents.key(1, 2, 4)):
        assert np.abs(draw(key) - draw(other)).max() > 0.1


def test_every_purpose_keeps_its_number():
    """Another number would give other images for every seed."""
    assert {purpose.name: purpose.value for purpose in latents.Purpose} == {
        "TRAINING_Z": 0, "TRAINING_LABELS": 1, "IMAGE_Z": 2, "DROPOUT": 3, "STATISTICS_Z": 4, "STATISTICS_LABELS": 5,
        "AUGMENTATION": 6,
    }  # fmt: skip
    np.testing.assert_array_equal(latents.key(3, latents.Purpose.DROPOUT, 5), [3 * 256 + 3, 5])


def test_labels_are_uniform_and_in_range():
    y = latents.labels([20_000], latents.key(0, 1, 0), 7).numpy()
    assert y.min() == 0 and y.max() == 6 and np.bincount(y).min() > 20_000 / 7 * 0.9


# name: (mean, standard deviation, the only values if there are few)
MOMENTS = {
    "normal": (0, 1, None),
    "uniform": (0, 1 / np.sqrt(3), None),
    "bernoulli": (0.5, 0.5, {0, 1}),
    "censored_normal": (1 / np.sqrt(2 * np.pi), np.sqrt(0.5 - 0.5 / np.pi), None),
    "signs": (0, 1, {-1, 1}),
    "categorical": (0, np.sqrt(2 / 3), {-1, 0, 1}),
    "normal_times_bernoulli": (0, np.sqrt(0.5), None),
    "normal_beside_bernoulli": (0.25, np.sqrt(0.75 - 0.25**2), None),
    "annealed_normal": (0, 1, None),
    "normal_of_varying_width": (0, np.sqrt(1 + 1 / 12), None),
}


@pytest.mark.parametrize("name", latents.LATENTS)
def test_each_prior_of_appendix_e_has_its_moments(name):
    z = latents.prior(name)([2000, 64], latents.key(1, 0, 2)).numpy()
    mean, deviation, values = MOMENTS[name]
    np.testing.assert_allclose([z.mean(), z.std()], [mean, deviation], atol=0.01)
    assert values is None or set(np.unique(z)) == values
    assert latents.prior(name)([64], latents.key(1, 0, 2)).shape == (64,)


def test_what_tells_the_compound_priors_apart():
    def draw(name):
        return latents.prior(name)([2000, 64], latents.key(4, 0, 2)).numpy()

    product, beside, wide = map(draw, ("normal_times_bernoulli", "normal_beside_bernoulli", "normal_of_varying_width"))
    assert abs((product == 0).mean() - 0.5) < 0.01 and abs((product[product != 0] > 0).mean() - 0.5) < 0.02
    assert set(np.unique(beside[:, 32:])) == {0, 1} and len(np.unique(beside[:, :32])) > 1000
    widths = wide.std(1)
    assert widths.min() < 0.6 and widths.max() > 1.3 and abs(widths.std() - 1 / np.sqrt(12)) < 0.03


def test_annealing_narrows_from_two_to_one():
    assert [float(latents.scale("annealed_normal", p)) for p in (0.0, 0.5, 1.0, 3.0)] == [2.0, 1.5, 1.0, 1.0]
    assert latents.scale("normal", 0.0) == 1.0


@pytest.mark.parametrize("threshold", [0.04, 0.5, 2.0])
def test_resampled_truncation_is_the_normal_distribution_given_the_threshold(threshold):
    z = latents.truncated("resampled", [100_000], latents.key(0, 0, 1), threshold).numpy()
    again = np.random.default_rng(0).normal(size=400_000)
    again = again[np.abs(again) <= threshold]
    assert np.abs(z).max() <= threshold * (1 + 1e-6)
    np.testing.assert_allclose(z.std(), again.std(), rtol=0.02)
    quantiles = [0.05, 0.25, 0.75, 0.95]
    np.testing.assert_allclose(np.quantile(z, quantiles), np.quantile(again, quantiles), atol=0.03 * threshold)


def test_the_other_truncations_scale():
    key = latents.key(0, 0, 1)
    cut = latents.truncated("scaled_truncated", [50_000], key, 0.5).numpy()
    assert 0.95 < np.abs(cut).max() <= 1.0
    np.testing.assert_allclose(cut, 0.5 * latents.truncated("resampled", [50_000], key, 2.0).numpy(), rtol=1e-6)
    np.testing.assert_allclose(latents.truncated("scaled", [99], key, 0.3), 0.3 * latents.normal([99], key), rtol=1e-6)


def test_unknown_names_and_thresholds_are_refused():
    with pytest.raises(ValueError, match=r"latent must be one of normal, uniform, .*; received latent='gauss'"):
        latents.prior("gauss")
    with pytest.raises(ValueError, match="truncation must be one of resampled, scaled_truncated, scaled"):
        latents.truncated("cut", [1], latents.key(0, 0, 0), 1.0)
    with pytest.raises(ValueError, match="threshold must be positive"):
        latents.truncated("scaled", [1], latents.key(0, 0, 0), 0.0)


def test_the_extreme_bits_stay_inside_the_unit_interval_and_finite_as_normals():
    u = latents.unit_interval(tf.constant([-1, 0, 2**31 - 1, -(2**31)], tf.int32)).numpy()
    np.testing.assert_array_equal(u, np.array([1 - 2.0**-24, 2.0**-24, 0.5 - 2.0**-24, 0.5 + 2.0**-24], np.float32))
    assert np.isfinite(tf.math.erfinv(2.0 * u - 1.0)).all()
