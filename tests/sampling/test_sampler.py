"""Image i is a function of (seed, i, label), whatever is asked for beside it."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.families import sagan
from sagan_tf.models.generator import Generator
from sagan_tf.sampling.sampler import Sampler, Truncation, default_batch_size, pass_sizes

SPEC = sagan(32, width=4, attention=(), z_dim=8).with_classes(3)


@pytest.fixture(scope="module")
def sampler():
    generator = Generator(SPEC)
    return Sampler(generator, z_dim=8, n_classes=3, resolution=32, batch_size=4)


def test_an_image_does_not_depend_on_how_many_are_asked_for(sampler):
    labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    many = sampler.images(labels, seed=5)
    assert many.shape == (10, 32, 32, 3) and many.dtype == np.uint8 and many.std() > 1
    for count in (1, 4, 7):
        np.testing.assert_array_equal(sampler.images(labels[:count], seed=5), many[:count])
    assert [len(batch) for batch in sampler.batches(labels)] == [4, 4, 2]
    assert np.abs(many[0].astype(int) - many[3]).max() > 0
    assert np.abs(sampler.images(labels, seed=6).astype(int) - many).max() > 0
    assert sampler.images([]).shape == (0, 32, 32, 3)


def test_an_image_does_not_depend_on_what_stands_beside_it(sampler):
    labels, seeds = [2, 0, 1, 1, 2, 0, 0], [50, 6, 7, 0, 2**40, 3, 9]
    together = np.concatenate(list(sampler.of_seeds(seeds, labels)))
    for i in range(7):
        (alone,) = sampler.of_seeds(seeds[i : i + 1], labels[i : i + 1])
        np.testing.assert_array_equal(alone[0], together[i])
    many = sampler.images([0, 1, 2, 0, 1], seed=5)
    np.testing.assert_array_equal(np.concatenate(list(sampler.batches([0, 1, 2, 0, 1], seed=5, start=3))), many[3:])
    (fourth,) = sampler.of_seeds([5 * 2**32 + 3], [0])
    np.testing.assert_array_equal(fourth[0], many[3])
    with pytest.raises(ValueError, match="received 2 seeds for 1 labels"):
        sampler.of_seeds([1, 2], [0])


def test_one_image_costs_one_image_where_rounding_may_differ():
    passes = []

    def gray(z, y, training):
        passes.append(int(z.shape[0]))  # when it is compiled for this batch
        return tf.reshape(tf.repeat(tf.tanh(tf.reduce_mean(z, 1)), 12), [-1, 2, 2, 3])

    sampler = Sampler(gray, z_dim=2, n_classes=1, resolution=2, batch_size=32)
    seeds = np.arange(32)
    exact = np.concatenate(list(sampler.of_seeds(seeds, 0 * seeds)))
    for count, sizes in {1: [1], 3: [4], 5: [16], 17: [], 16: [], 32: []}.items():
        passes.clear()
        (found,) = sampler.of_seeds(seeds[:count], 0 * seeds[:count], exact=False)
        assert passes == sizes and np.abs(found.astype(int) - exact[:count]).max() <= 1 and len(found) == count
    assert [pass_sizes(full) for full in (64, 16, 4, 1)] == [(1, 4, 16, 64), (1, 4, 16), (1, 4), (1,)]


def test_two_replicas_draw_the_same_images(sampler, mirrored):
    labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]
    with mirrored.scope():
        generator = Generator(SPEC)
    two = Sampler(generator, z_dim=8, n_classes=3, resolution=32, batch_size=4, strategy=mirrored)
    assert [len(batch) for batch in two.batches(labels)] == [8, 3]
    np.testing.assert_array_equal(two.images(labels, seed=5), sampler.images(labels, seed=5))


def test_many_samplers_draw_no_warning_of_tracing_too_often(caplog):
    def gray(z, y, training):
        return tf.zeros([1, 2, 2, 3])

    for _ in range(12):
        Sampler(gray, z_dim=2, n_classes=1, resolution=2, batch_size=1).images([0])
    assert "retracing" not in caplog.text


def test_pixels_are_rounded_from_minus_one_to_one():
    def constant(value):
        return lambda z, y, training: tf.fill([tf.shape(y)[0], 2, 2, 3], value)

    for value, expected in ((-1.0, 0), (1.0, 255), (0.0, 128), (-0.5, 64), (0.00391, 128)):
        sampler = Sampler(constant(value), z_dim=2, n_classes=1, resolution=2, batch_size=1)
        assert (sampler.images([0]) == expected).all(), value


def test_truncation_cuts_z_and_nothing_else():
    """A generator that shows the largest |z| of each image: 64 entries of N(0, 1) hardly ever stay below 1."""

    def largest(z, y, training):
        return tf.broadcast_to((tf.reduce_max(tf.abs(z), 1) / 2 - 1)[:, None, None, None], [tf.shape(y)[0], 1, 1, 3])

    def shown(truncation):
        sampler = Sampler(largest, z_dim=64, n_classes=1, resolution=1, batch_size=8, truncation=truncation)
        return sampler.images([0] * 8)[:, 0, 0, 0] / 127.5 * 2

    assert shown(None).min() > 1.5
    resampled = shown(Truncation(threshold=0.5))
    assert resampled.min() > 0.4 and resampled.max() < 0.52
    assert shown(Truncation(threshold=0.5, mode="scaled_truncated")).max() < 1.02
    np.testing.assert_allclose(shown(Truncation(threshold=0.5, mode="scaled")), shown(None) / 2, atol=0.02)
    for bad in ({"threshold": 0.0}, {"threshold": 1.0, "mode": "cut"}):
        with pytest.raises(ValueError, match=r"threshold must be positive|truncation must be one of"):
            Truncation(**bad)
    with pytest.raises(ValueError, match="must be of a normal prior"):
        Sampler(largest, z_dim=2, n_classes=1, resolution=1, latent="bernoulli", truncation=Truncation(threshold=1.0))


@pytest.mark.parametrize("label", [-1, 3, 10**6, -np.inf, np.inf])
def test_a_label_out_of_range_is_refused(sampler, label):
    with pytest.raises(ValueError, match=rf"labels must be in \[0, 3\); received label={label}"):
        next(sampler.batches([0, label]))


def test_batch_sizes_keep_memory_level():
    assert [default_batch_size(r) for r in (32, 64, 128, 256, 512)] == [64, 64, 16, 4, 1]


@pytest.mark.parametrize("labels", [[0.5], [np.nan], ["0"]])
def test_labels_are_not_rounded(sampler, labels):
    with pytest.raises(ValueError, match=r"labels must be integers in \[0, 3\)"):
        next(sampler.batches(labels))


def test_integers_of_numpy_are_batch_sizes():
    assert Sampler(None, z_dim=8, n_classes=3, resolution=32, batch_size=np.int64(5)).per_replica == 5


@pytest.mark.parametrize("size", [0, -4, 2.0])
def test_a_batch_holds_an_image(size):
    with pytest.raises(ValueError, match=f"batch_size must be an integer of at least 1; received batch_size={size}"):
        Sampler(None, z_dim=8, n_classes=3, resolution=32, batch_size=size)


def test_latents_are_finite(sampler):
    with pytest.raises(ValueError, match="z must be finite"):
        next(sampler.of_latents(np.full((1, 8), np.nan), [0]))


@pytest.mark.parametrize("threshold", ["0.5", True, 1e-50, 1e39, np.nan])
def test_thresholds_are_positive_numbers(threshold):
    Truncation(threshold=1.0)
    with pytest.raises(ValueError, match="threshold must be positive and finite; received threshold="):
        Truncation(threshold=threshold)
