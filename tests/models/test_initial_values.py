"""Initial values of tables, biases and the first layer, under the names of the released codes' choices."""

import dataclasses

import numpy as np
import pytest

from sagan_tf import experiment
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.families import biggan, sagan
from sagan_tf.models.generator import Generator


def values(network):
    return {name: variable.numpy() for name, variable in named_variables(network).items()}


def small(**options):
    return sagan(32, width=4, z_dim=64, attention=(8,), **options).with_classes(10)


@pytest.fixture(scope="module")
def plain():
    return values(Generator(small(), seed=3))


@pytest.mark.parametrize("name", ["normal", "orthogonal", "glorot_uniform"])
def test_class_tables_start_around_one_and_zero_by_the_named_initializer(plain, name):
    found = values(Generator(small(table_initializer=name), seed=3))
    gains = [v - 1 for n, v in found.items() if n.endswith("gain.kernel")]
    biases = [v for n, v in found.items() if n.endswith("bias.kernel")]
    assert len(gains) == len(biases) == 6
    for table in (*gains, *biases):
        if name == "orthogonal":
            np.testing.assert_allclose(table @ table.T, np.eye(10), atol=1e-5)
        elif name == "normal":
            assert table.std() == pytest.approx(0.02, rel=0.25) and abs(table.mean()) < 0.005
        else:
            limit = np.sqrt(6 / (10 + table.shape[1]))
            assert 0.9 * limit < np.abs(table).max() <= limit + 1e-6
    assert not np.array_equal(gains[0], gains[1]) and not np.array_equal(gains[0], biases[0])
    for n, v in plain.items():
        if not n.endswith(("gain.kernel", "bias.kernel")):
            np.testing.assert_array_equal(found[n], v, err_msg=f"{n} starts as before")
        else:
            assert (v == n.endswith("gain.kernel")).all()


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_torchs_biases_are_uniform_within_one_over_the_root_of_the_fan_in(network):
    before, found = values(network(small(), seed=3)), values(network(small(bias_initializer="torch"), seed=3))
    changed = {n for n in found if not np.array_equal(found[n], before[n])}
    layers = {n for n in found if n.endswith(".bias") and n.removesuffix("bias") + "kernel" in found}
    assert changed == layers and len(layers) > 8
    for name in layers:
        kernel = found[name.removesuffix("bias") + "kernel"]
        limit = 1 / np.sqrt(np.prod(kernel.shape[:-1]))
        assert np.abs(found[name]).max() <= limit
        if found[name].size >= 32:
            assert np.abs(found[name]).max() > 0.85 * limit and found[name].std() == pytest.approx(
                limit / 3**0.5, rel=0.3
            )


def test_the_first_layer_alone_can_start_otherwise(plain):
    found = values(Generator(small(dense_initializer="orthogonal"), seed=3))
    assert [n for n in found if not np.array_equal(found[n], plain[n])] == ["dense.layer.kernel"]
    np.testing.assert_allclose(found["dense.layer.kernel"] @ found["dense.layer.kernel"].T, np.eye(64), atol=1e-5)


def test_unknown_names_are_refused():
    for name in ("dense_initializer", "table_initializer", "bias_initializer"):
        with pytest.raises(ValueError, match=f"{name} must be one of"):
            dataclasses.replace(small(), **{name: "xavier"})


def test_the_released_codes_choices_are_in_their_files():
    def spec(name):
        return experiment.load([f"gin/released/{name}.gin"], []).value.spec

    cifar, imagenet, sagan_128 = spec("biggan_cifar10"), spec("biggan_128"), spec("sagan_128")
    assert (cifar.table_initializer, cifar.initializer, cifar.bias_initializer) == ("normal", "normal", "torch")
    assert (imagenet.conditioning, imagenet.bias_initializer) == ("shared", "torch")
    assert (sagan_128.table_initializer, sagan_128.bias_initializer) == ("constant", "zeros")
    assert biggan(32, shared=False, hierarchical=False).table_initializer == "constant", (
        "the paper's rows are as before"
    )
