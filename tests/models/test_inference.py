"""Folded and baked generators are the live one's inference pass, with the statistics of each image's truncation."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.families import biggan, biggan_deep, sagan
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake, fold, interpolation_weights
from sagan_tf.models.parts import Numerics
from tests.closeness import LAYER, NETWORK, ROUNDING, assert_close, half_precision

TINY = sagan(32, width=8, attention=(16,), z_dim=16).with_classes(5)
VARIANTS = {
    "sagan": TINY,
    "paper_attention": dataclasses.replace(TINY, attention_form="paper"),
    "residual": dataclasses.replace(TINY, long_range="residual"),
    "no_spectral_norm": dataclasses.replace(TINY, spectral_norm_g=False),
    "unconditional": dataclasses.replace(TINY, conditioning="none", head="plain"),
    "biggan": dataclasses.replace(TINY, conditioning="shared", shared_dim=6, hierarchical=True),
    "biggan_deep": biggan_deep(32, width=4, z_dim=16, shared_dim=6, initializer="normal").with_classes(5),
    "batch_statistics": dataclasses.replace(TINY, inference_statistics="batch"),
}
Z = tf.random.stateless_normal([3, 16], [1, 2])
Y = tf.constant([0, 4, 2])


def trained(spec, **numerics):
    """A generator whose every variable is away from its start, as after training."""
    generator = Generator(spec, numerics=Numerics(**numerics))
    rng = np.random.default_rng(0)
    for name, variable in named_variables(generator).items():
        noise = rng.normal(scale=0.3 if spec.spectral_norm_g else 0.05, size=variable.shape).astype(np.float32)
        positive = name.endswith("moving_variance")
        variable.assign(np.exp(noise) if positive else variable.numpy() + noise)
    return generator


@pytest.mark.parametrize(("name", "resampling"), [*((name, "auto") for name in VARIANTS), ("sagan", "fused")])
def test_images_are_the_live_generators(name, resampling):
    generator = trained(VARIANTS[name], resampling=resampling)
    images, folded = generator(Z, Y).numpy(), fold(generator)
    assert images.std() > 0.1
    assert_close(folded(Z, Y), images, relative=NETWORK)
    assert folded.spec == generator.spec and folded.numerics == generator.numerics


def test_kernels_are_normalized_spread_and_cast_once_and_nothing_else_is_kept():
    generator = trained(VARIANTS["biggan"], precision="bfloat16", resampling="fused")
    folded = named_variables(fold(generator))
    assert folded["blocks.0.conv_1.kernel"].shape == (4, 4, 32, 32)
    assert {v.dtype for n, v in folded.items() if v.shape.rank == 4} == {tf.bfloat16}
    assert {v.dtype for n, v in folded.items() if ".norm_" in n or n.startswith(("dense.", "shared."))} == {tf.float32}
    assert not [n for n in folded if n.endswith(".u") or ".statistics." in n]
    assert not any(v.trainable for v in folded.values())
    images = tf.function(generator)(Z, Y)
    assert_close(tf.function(fold(generator))(Z, Y), images, relative=half_precision(tf.bfloat16, layers=10))


def test_later_updates_of_the_original_do_not_reach_it():
    generator = trained(TINY)
    folded = fold(generator)
    before = folded(Z, Y).numpy()
    for variable in named_variables(generator).values():
        variable.assign(2 * variable + 1)
    np.testing.assert_array_equal(folded(Z, Y), before)


def test_attention_maps_are_within_reach():
    generator = trained(TINY)
    x = tf.random.stateless_normal([2, 16, 16, 32], [3, 4])
    live, folded = (g.long_range[1].attention(x) for g in (generator, fold(generator)))
    assert_close(folded[0], live[0], relative=LAYER)
    assert_close(folded[1], live[1], relative=LAYER)


def test_training_is_refused():
    with pytest.raises(ValueError, match="called for inference; received training=True"):
        fold(trained(TINY))(Z, Y, training=True)


def test_it_is_saved_and_loaded_with_tensorflow_alone(tmp_path):
    folded = fold(trained(TINY))
    module = tf.Module()
    module.weights = list(named_variables(folded).values())
    signature = [tf.TensorSpec([None, 16]), tf.TensorSpec([None], tf.int32)]
    module.generate = tf.function(lambda z, y: folded(z, y), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert_close(loaded.generate(Z, Y), folded(Z, Y), relative=LAYER)


BAKED = {
    "tables": sagan(32, width=8, attention=(8,), z_dim=8).with_classes(3),
    "shared": biggan(32, width=8, z_dim=32, attention_g=(16,), attention_d=()).with_classes(3),
}


def moved(generator, seed):
    """Other statistics of the same generator."""
    rng = np.random.default_rng(seed)
    shapes = {n: v.shape for n, v in named_variables(generator).items() if ".statistics." in n}
    ranges = {n: (0.5, 2.0) if n.endswith("variance") else (-0.1, 0.1) for n in shapes}
    return {n: rng.uniform(*ranges[n], shape).astype(np.float32) for n, shape in shapes.items()}


@pytest.mark.parametrize("spec", BAKED.values(), ids=BAKED)
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
    generator = Generator(BAKED["tables"], seed=1)
    z, y = tf.random.stateless_normal([2, 8], [1, 2]), tf.constant([0, 1])
    assert_close(bake(generator)(z, y), generator(z, y, training=False), relative=NETWORK)
    with pytest.raises(ValueError, match="received training=True"):
        bake(generator)(z, y, training=True)


def test_weights_interpolate_and_are_exact_at_the_thresholds():
    grid = tf.constant([0.04, 0.5, 1.0, 2.0])
    found = interpolation_weights(tf.constant([0.01, 0.04, 0.5, 1.0, 2.0, 2.5, 1.25]), grid).numpy()
    first, *_, last = np.eye(4)
    np.testing.assert_array_equal(found[:6], [first, *np.eye(4), last])
    assert_close(found[6], [0, 0, 0.75, 0.25], relative=ROUNDING)


@pytest.mark.parametrize("thresholds", [[0.5, 0.5 + 1e-10], [1.0], [1.0, 0.5], [0.5, 0.5]])
def test_thresholds_that_do_not_fit_are_refused(thresholds):
    generator = Generator(BAKED["tables"], seed=1)
    with pytest.raises(ValueError, match="thresholds must ascend and be as many"):
        bake(generator, [moved(generator, 1)] * 2, thresholds)


def test_a_baked_network_is_called_at_a_truncation_and_forgets_it():
    baked = bake(Generator(BAKED["tables"], seed=1))
    z, y = tf.random.stateless_normal([2, 8], [1, 2]), tf.constant([0, 1])
    with baked.at_truncation(tf.ones([2])):
        np.testing.assert_array_equal(baked.network(z, y), baked(z, y))
    with pytest.raises(RuntimeError, match="must be called inside `with baked"):
        baked.network(z, y)
