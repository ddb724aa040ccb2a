"""Every image has a seed of its own, and z is a function of it alone."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.sampling.seeds import SeededLatents, checked_seeds, image_seeds


def test_sets_never_overlap_and_set_zero_is_its_own_numbers():
    assert image_seeds(0, 3).tolist() == [0, 1, 2]
    assert image_seeds(3, 2).tolist() == [3 * 2**32, 3 * 2**32 + 1]
    assert image_seeds(2**31 - 1, 1)[0] < 2**63 and image_seeds(1, 1).dtype == np.int64
    for kind in (np.int32, np.uint8, np.int64):
        assert image_seeds(kind(7), 2).tolist() == [7 * 2**32, 7 * 2**32 + 1]
    for bad in (-1, 2**31):
        with pytest.raises(ValueError, match=rf"seed must be in \[0, 2\^31\); received seed={bad}"):
            image_seeds(bad, 1)


@pytest.mark.parametrize("mode", [None, *latents.TRUNCATIONS])
def test_z_is_the_draw_of_its_seed_whatever_stands_beside_it(mode):
    z_of = SeededLatents(z_dim=5, mode=mode)
    seeds, thresholds = tf.constant([7, -1, 2**62], tf.int64), tf.constant([0.5, 1.0, 2.0])
    together = z_of(seeds, thresholds).numpy()
    for i in range(3):
        np.testing.assert_array_equal(z_of(seeds[i : i + 1], thresholds[i : i + 1])[0], together[i])
        key = tf.stack([tf.constant(2, tf.int64), seeds[i]])
        alone = latents.normal([5], key) if mode is None else latents.truncated(mode, [5], key, float(thresholds[i]))
        np.testing.assert_array_equal(alone, together[i])
    assert len(np.unique(together)) == 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": "gauss"}, "latent must be one of"),
        ({"mode": "cut"}, "truncation must be one of"),
        ({"latent": "bernoulli", "mode": "scaled"}, "must be of a normal prior"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SeededLatents(z_dim=2, **options)


def test_z_is_drawn_on_the_cpu_whatever_computes_the_images():
    z_of = tf.function(SeededLatents(z_dim=4, mode="resampled"))
    graph = z_of.get_concrete_function(tf.TensorSpec([3], tf.int64), tf.TensorSpec([3])).graph
    loops = [operation for operation in graph.get_operations() if "While" in operation.type]
    assert loops and all(operation.device.endswith("CPU:0") for operation in loops)


@pytest.mark.parametrize(
    "seeds", [[0, -(2**63), 2**63 - 1], np.array([7], np.uint64), np.arange(4, dtype=np.int8), [3.0], []]
)
def test_any_int64_is_a_seed(seeds):
    found = checked_seeds(seeds)
    assert found.dtype == np.int64 and found.tolist() == [int(seed) for seed in seeds]


@pytest.mark.parametrize(
    "seeds", [[1.5], [2.0**60], [np.nan], [2**63], np.array([2**63], np.uint64), [2**64], [True], 3, [[1]], ["1"]]
)
def test_no_seed_is_rounded_or_wrapped(seeds):
    with pytest.raises(ValueError, match=r"seeds of images must be integers \(N,\) from -2\^63 to 2\^63 - 1; received"):
        checked_seeds(seeds)
