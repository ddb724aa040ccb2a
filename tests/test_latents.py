"""The draws' distributions and keys."""

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


def test_labels_are_uniform_and_in_range():
    y = latents.labels([20_000], latents.key(0, 1, 0), 7).numpy()
    assert y.min() == 0 and y.max() == 6 and np.bincount(y).min() > 20_000 / 7 * 0.9


def test_an_unknown_prior_names_those_that_exist():
    with pytest.raises(ValueError, match=r"latent must be one of normal, uniform; received latent='gauss'"):
        latents.prior("gauss")
