"""The random numbers of a step: other noise, annealed priors, dropout masks."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.training.latent_sampler import LatentSampler
from tests.closeness import ROUNDING, assert_close


def test_other_noise_draws_other_latents_for_the_same_steps_and_none_is_the_runs_own(tiny):
    at = tf.constant(3, tf.int64)
    own, same, other = (
        dataclasses.replace(tiny.draw(), noise=n) if n is not None else tiny.draw() for n in (None, 0, 1)
    )
    np.testing.assert_array_equal(own(at, 0)[0], same(at, 0)[0])
    assert np.abs(own(at, 0)[0] - other(at, 0)[0]).max() > 0.1
    with pytest.raises(ValueError, match="noise must not be negative"):
        dataclasses.replace(tiny.draw(), noise=-1)


def test_an_annealed_prior_narrows_over_the_run():
    def draw(latent, step):
        made = LatentSampler(
            latent=latent, z_dim=4, n_classes=3, batch_size=4, draws_per_step=2, seed=3, total_steps=100
        )
        return made(tf.constant(step, tf.int64), 0)[0]

    for step, factor in ((0, 2.0), (25, 1.75), (100, 1.0)):
        assert_close(draw("annealed_normal", step), factor * draw("normal", step), relative=ROUNDING)


def test_dropout_masks_drop_their_share_and_scale_the_rest(tiny):
    kept = tiny.draw().dropout_mask(tf.constant(0, tf.int64), 0, 5000, 0.2).numpy()
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1.25)} and abs((kept == 0).mean() - 0.2) < 0.01
    assert tiny.draw().dropout_mask(tf.constant(0, tf.int64), 0, 5, 0.0) is None
