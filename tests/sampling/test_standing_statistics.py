"""Standing statistics against the moments of the same batches, and their effect."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import latents
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.generator import Generator
from sagan_tf.models.spec import GANSpec
from sagan_tf.sampling.sampler import Truncation
from sagan_tf.sampling.standing_statistics import StandingStatistics
from tests.closeness import LAYER, NETWORK, assert_close

SPEC = GANSpec(
    resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=3, z_dim=4
)


@pytest.fixture
def generator():
    return Generator(SPEC, seed=3)


def gather(options, generator):
    """Puts them in the place of the generator's moving statistics."""
    (found,) = options.gathered(generator)
    for name, value in found.items():
        named_variables(generator)[name].assign(value)


def moments_of_first_norm(generator, options):
    """Mean over batches of each batch's mean and variance of the dense layer's map."""
    found = []
    for number in range(options.passes):
        z = options._z([options.batch_size, SPEC.z_dim], number)
        h = generator.dense(z).numpy().reshape(-1, 8)
        found.append((h.mean(0), h.var(0)))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_they_are_the_average_moments_of_the_passes_and_nothing_else_moves(generator, threshold):
    variables = named_variables(generator)
    before = {n: v.numpy() for n, v in variables.items()}
    options = StandingStatistics(passes=5, batch_size=6, threshold=threshold)
    mean, variance = moments_of_first_norm(generator, options)
    gather(options, generator)
    assert_close(variables["blocks.0.norm_1.statistics.moving_mean"], mean, relative=LAYER)
    assert_close(variables["blocks.0.norm_1.statistics.moving_variance"], variance, relative=LAYER)
    for name, variable in variables.items():
        same = np.array_equal(before[name], variable.numpy())
        assert same == (".statistics." not in name), name


def test_those_of_a_frozen_generator_are_the_same_and_it_stays_frozen(generator):
    options = StandingStatistics(passes=2, batch_size=6)
    (expected,) = options.gathered(generator)
    generator.trainable = False
    (found,) = options.gathered(generator)
    assert not generator.trainable and found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_numpys_numbers_describe_the_same_statistics():
    """Those that a run keeps are recognized by this text."""
    numpys = StandingStatistics(passes=np.int64(3), seed=np.uint8(1), threshold=np.float64(0.5))
    assert repr(numpys) == repr(StandingStatistics(passes=3, seed=1, threshold=0.5))
    assert repr(Truncation(threshold=np.float64(0.5))) == repr(Truncation(threshold=0.5))
    assert repr(Truncation(threshold=1)) == repr(Truncation(threshold=1.0))


def test_with_one_pass_inference_is_the_training_pass(generator):
    options = StandingStatistics(passes=1, batch_size=6)
    gather(options, generator)
    z, y = options._z([6, 4], 0), latents.labels([6], latents.key(0, 5, 0), 3)
    inference = generator(z, y, training=False)
    assert_close(inference, generator(z, y, training=True), relative=NETWORK)


@pytest.mark.parametrize("seed", [0, 7])
def test_every_pass_of_every_seed_has_latents_and_labels_of_its_own(generator, seed):
    """The second norm's moments follow both, once the classes differ in the first one's gains."""
    block = generator.blocks[0]
    block.norm_1.gain.kernel.assign(np.random.default_rng(0).normal(1, 0.5, (3, 8)))
    expected = []
    for number in range(3):
        z = latents.normal([6, 4], latents.key(seed, latents.Purpose.STATISTICS_Z, number))
        y = latents.labels([6], latents.key(seed, latents.Purpose.STATISTICS_LABELS, number), 3)
        h = block.norm_1(tf.reshape(generator.dense(z), [6, 4, 4, 8]), y, training=True)
        h = block.conv_1(tf.nn.relu(h)).numpy().reshape(-1, 8)
        expected.append((h.mean(0), h.var(0)))
    mean, variance = np.mean(expected, axis=0)
    (found,) = StandingStatistics(passes=3, batch_size=6, seed=seed).gathered(generator)
    assert_close(found["blocks.0.norm_2.statistics.moving_mean"], mean, relative=NETWORK)
    assert_close(found["blocks.0.norm_2.statistics.moving_variance"], variance, relative=NETWORK)


def test_a_tighter_truncation_has_a_smaller_variance(generator):
    variance = named_variables(generator)["blocks.0.norm_1.statistics.moving_variance"]
    found = []
    for threshold in (2.0, 0.5, 0.04):
        gather(StandingStatistics(passes=3, batch_size=8, threshold=threshold), generator)
        found.append(float(tf.reduce_sum(tf.convert_to_tensor(variance))))
    assert found[0] > 2 * found[1] > 4 * found[2]


def test_several_thresholds_at_once_are_each_alone_and_leave_the_generator_alone(generator):
    before = {n: v.numpy() for n, v in named_variables(generator).items()}
    found = StandingStatistics(passes=2, batch_size=8).gathered(generator, [0.5, 2.0])
    for name, value in before.items():
        np.testing.assert_array_equal(named_variables(generator)[name].numpy(), value)
    for threshold, values in zip((0.5, 2.0), found, strict=True):
        gather(StandingStatistics(passes=2, batch_size=8, threshold=threshold), generator)
        for name, value in values.items():
            np.testing.assert_array_equal(named_variables(generator)[name].numpy(), value)


def test_an_interruption_leaves_the_generator_as_it_was(generator, monkeypatch):
    before = {n: v.numpy() for n, v in named_variables(generator).items()}
    compiled_pass = StandingStatistics._compiled_pass

    def interrupted(self, generator, statistics):
        one_pass = compiled_pass(self, generator, statistics)

        def stop(number, threshold):
            one_pass(number, threshold)
            raise KeyboardInterrupt

        return stop

    monkeypatch.setattr(StandingStatistics, "_compiled_pass", interrupted)
    with pytest.raises(KeyboardInterrupt):
        StandingStatistics(passes=2, batch_size=8).gathered(generator)
    for name, value in before.items():
        np.testing.assert_array_equal(named_variables(generator)[name].numpy(), value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passes": 0}, "passes must be an integer of at least 1"),
        ({"batch_size": 1.5}, "batch_size must be an integer of at least 1; received batch_size=1.5"),
        ({"latent": "gauss"}, "latent must be one of"),
        ({"latent": "uniform", "threshold": 0.5}, "truncation must be of a normal prior"),
        ({"threshold": -1.0}, "threshold must be positive"),
        ({"truncation": "cut", "threshold": 1.0}, "truncation must be one of"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        StandingStatistics(**options)


def test_only_the_classes_of_the_data_are_drawn_from_a_larger_table(generator):
    for name, variable in named_variables(generator).items():
        if "gain" in name and variable.shape[:1] == [3]:
            variable.assign(tf.tensor_scatter_nd_update(tf.convert_to_tensor(variable), [[2]], [[np.nan] * 8]))
    (of_all,) = StandingStatistics(passes=2, batch_size=8).gathered(generator)
    (of_two,) = StandingStatistics(passes=2, batch_size=8, n_classes=2).gathered(generator)
    assert not all(np.isfinite(value).all() for value in of_all.values())
    assert all(np.isfinite(value).all() for value in of_two.values())


def test_the_whole_prior_beside_a_threshold_is_drawn_whole(generator):
    options = StandingStatistics(passes=2, batch_size=8)
    together = options.gathered(generator, [None, 0.5])
    for alone, found in zip(
        (options, StandingStatistics(passes=2, batch_size=8, threshold=0.5)), together, strict=True
    ):
        for name, value in alone.gathered(generator)[0].items():
            np.testing.assert_array_equal(found[name], value)
