"""The random numbers of a step: other noise, annealed priors, dropout masks."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import latents
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


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, 2**40 + 5, latents.LARGEST_SEED])
def test_every_seed_of_a_run_can_be_rolled_back(tiny, seed):
    """Neither the noises of one seed nor those of the next share a key, and a seed's own numbers are those of `key`."""
    samplers = [dataclasses.replace(tiny.draw(), seed=s, noise=n) for s in (seed, seed - 1) for n in (0, 1, 2)]
    at = tf.constant(10**6, tf.int64)
    keys = [tuple(one._key(latents.Purpose.TRAINING_Z, at, 0).numpy()) for one in samplers if one.seed >= 0]
    assert len(set(keys)) == len(keys)
    assert keys[0] == (256 * seed, 10**6 * tiny.draw().draws_per_step)
    drawn = [one(at, 0)[0].numpy() for one in samplers[:3]]
    assert min(np.abs(drawn[0] - drawn[1]).max(), np.abs(drawn[1] - drawn[2]).max()) > 0.1


@pytest.mark.parametrize("seed", [3, 2**32 - 1])
def test_smaller_seeds_keep_the_numbers_of_their_rollbacks(tiny, seed):
    sampler = dataclasses.replace(tiny.draw(), seed=seed, noise=2)
    key = sampler._key(latents.Purpose.TRAINING_LABELS, tf.constant(7, tf.int64), 1).numpy()
    assert key.tolist() == [256 * (seed + 2 * 2**32) + 1, 7 * sampler.draws_per_step + 1]


def test_each_kind_of_random_numbers_has_a_key_of_its_own(tiny):
    draw, at = tiny.draw(), tf.constant(3, tf.int64)
    key = {purpose: latents.key(draw.seed, purpose, 3 * draw.draws_per_step + 1) for purpose in latents.Purpose}
    z, y = draw(at, 1)
    np.testing.assert_array_equal(z, latents.normal([4, 4], key[latents.Purpose.TRAINING_Z]))
    np.testing.assert_array_equal(y, latents.labels([4], key[latents.Purpose.TRAINING_LABELS], 3))
    kept = latents.uniform([4, 9], key[latents.Purpose.DROPOUT]) >= 0.5
    np.testing.assert_array_equal(draw.dropout_mask(at, 1, 9, 0.5), 2.0 * tf.cast(kept, tf.float32))
    noise = latents.uniform([4, 9], key[latents.Purpose.AUGMENTATION])
    np.testing.assert_array_equal(draw.augmentation(at, 1, 9), noise)


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
