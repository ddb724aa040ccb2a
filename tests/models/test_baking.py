"""A baked generator is the live one, with the statistics of each image's truncation."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.baking import bake, shares
from sagan_tf.models.families import biggan, sagan
from sagan_tf.models.generator import Generator
from tests.closeness import NETWORK, ROUNDING, assert_close

SPECS = {
    "tables": sagan(32, width=8, attention=(8,), z_dim=8).with_classes(3),
    "shared": biggan(128, width=8).with_classes(3),
}


def moved(generator, seed):
    """Other statistics of the same generator."""
    rng = np.random.default_rng(seed)
    shapes = {n: v.shape for n, v in named_variables(generator).items() if ".statistics." in n}
    ranges = {n: (0.5, 2.0) if n.endswith("variance") else (-0.1, 0.1) for n in shapes}
    return {n: rng.uniform(*ranges[n], shape).astype(np.float32) for n, shape in shapes.items()}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_threshold_is_the_live_generator_with_its_statistics(spec):
    generator = Generator(spec, seed=1)
    variables = named_variables(generator)
    sets = [moved(generator, seed) for seed in (1, 2)]
    middle = {n: (sets[0][n] + sets[1][n]) / 2 for n in sets[0]}
    baked = bake(generator, sets, [0.5, 1.0])
    z, y = tf.random.stateless_normal([4, spec.z_dim], [1, 2]), tf.constant([0, 1, 2, 0])
    found = baked(z, y, tf.constant([0.5, 1.0, 0.75, 2.0])).numpy()
    for i, values in enumerate((sets[0], sets[1], middle, sets[1])):
        for name, value in values.items():
            variables[name].assign(value)
        assert_close(found[i], generator(z, y, training=False)[i], relative=NETWORK)
    assert np.abs(found[0] - bake(generator)(z, y)[0]).max() > 0.05


def test_the_statistics_at_hand_are_baked_by_default():
    generator = Generator(SPECS["tables"], seed=1)
    z, y = tf.random.stateless_normal([2, 8], [1, 2]), tf.constant([0, 1])
    assert_close(bake(generator)(z, y), generator(z, y, training=False), relative=NETWORK)
    with pytest.raises(ValueError, match="received training=True"):
        bake(generator)(z, y, training=True)


def test_shares_interpolate_and_are_exact_at_the_thresholds():
    grid = tf.constant([0.04, 0.5, 1.0, 2.0])
    found = shares(tf.constant([0.01, 0.04, 0.5, 1.0, 2.0, 2.5, 1.25]), grid).numpy()
    first, *_, last = np.eye(4)
    np.testing.assert_array_equal(found[:6], [first, *np.eye(4), last])
    assert_close(found[6], [0, 0, 0.75, 0.25], relative=ROUNDING)


@pytest.mark.parametrize("thresholds", [[1.0], [1.0, 0.5], [0.5, 0.5]])
def test_thresholds_that_do_not_fit_are_refused(thresholds):
    generator = Generator(SPECS["tables"], seed=1)
    with pytest.raises(ValueError, match="thresholds must ascend and be as many"):
        bake(generator, [moved(generator, 1)] * 2, thresholds)
