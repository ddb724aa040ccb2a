"""What one description's networks can take from another's: by a table, and by networks that are built."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.biggan_deep import biggan_deep
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.spec import GANSpec
from sagan_tf.models.transfer import (
    Match,
    TransferError,
    check_same_networks,
    class_axis,
    match,
    rows_by_name,
    source_of,
    value,
)

SAGAN = GANSpec(
    resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=5, z_dim=4,
    attention_g=(8,), attention_d=(4,),
)  # fmt: skip
PLAIN = dataclasses.replace(SAGAN, conditioning="none", head="plain")
SHARED = dataclasses.replace(SAGAN, conditioning="shared", shared_dim=6, hierarchical=True)
ACGAN = dataclasses.replace(SAGAN, head="auxiliary", classifier_bias=True, spectral_norm_g=False)
DEEP = biggan_deep(32, width=4, z_dim=4, shared_dim=6, depth=1).with_classes(5)
ALL = {"deep": DEEP, "tables": SAGAN, "none": PLAIN, "shared": SHARED, "auxiliary": ACGAN}


def shapes(spec):
    nets = {"generator": Generator(spec, seed=None), "discriminator": Discriminator(spec, seed=None)}
    return {
        f"{net}.{name}": tuple(v.shape) for net, model in nets.items() for name, v in named_variables(model).items()
    }


@pytest.fixture(scope="module")
def built():
    return {name: shapes(spec) for name, spec in ALL.items()}


@pytest.mark.parametrize("name", ALL)
def test_the_axis_of_the_classes_is_the_one_that_grows_with_their_number(built, name):
    spec, grown = ALL[name], shapes(ALL[name].with_classes(7))
    for variable, shape in built[name].items():
        differing = [axis for axis, (a, b) in enumerate(zip(shape, grown[variable], strict=True)) if a != b]
        axis = class_axis(variable, spec)
        assert ([] if axis is None else [axis]) == differing, variable


@pytest.mark.parametrize(
    ("there", "here", "n", "expected"),
    [
        ("tables", "tables", 5, {}),
        ("tables", "tables", 3, {
            **dict.fromkeys((f"generator.blocks.0.norm_{i}.{p}.kernel" for i in (1, 2) for p in ("gain", "bias")),
                            Match("by class", 0)),
            "discriminator.head.embedding.layer.kernel": Match("by class", 0),
            "discriminator.head.embedding.u": Match("new"),
        }),
        *((family, family, 3, {
            "generator.shared.kernel": Match("by class", 0),
            "discriminator.head.embedding.layer.kernel": Match("by class", 0),
            "discriminator.head.embedding.u": Match("new"),
        }) for family in ("shared", "deep")),
        ("auxiliary", "auxiliary", 3, {
            **dict.fromkeys((f"generator.blocks.0.norm_{i}.{p}.kernel" for i in (1, 2) for p in ("gain", "bias")),
                            Match("by class", 0)),
            "discriminator.head.classifier.layer.kernel": Match("by class", 1),
            "discriminator.head.classifier.layer.bias": Match("by class", 0),
            "discriminator.head.classifier.u": Match("new"),
        }),
        ("tables", "none", 1, dict.fromkeys(
            (f"generator.blocks.0.norm_{i}.{p}" for i in (1, 2) for p in ("gain", "bias")),
            Match("mean of the classes", 0))),
        ("none", "tables", 3, {
            **dict.fromkeys((f"generator.blocks.0.norm_{i}.{p}.kernel" for i in (1, 2) for p in ("gain", "bias")),
                            Match("for every class", 0)),
            "discriminator.head.embedding.layer.kernel": Match("new"),
            "discriminator.head.embedding.u": Match("new"),
        }),
    ],
    ids=["same", "tables", "shared", "deep", "auxiliary", "to no classes", "from no classes"],
)  # fmt: skip
def test_all_that_fits_is_taken_and_tables_by_class(built, there, here, n, expected):
    spec = ALL[here].with_classes(n)
    found = match(built[there], shapes(spec), spec_there=ALL[there], spec_here=spec, same_classes=n == 5)
    assert {name: how for name, how in found.items() if how.how != "taken"} == expected


def test_attention_elsewhere_is_new_and_networks_of_another_family_are_refused(built):
    moved = dataclasses.replace(SAGAN, attention_g=(), attention_d=())
    found = match(built["tables"], shapes(moved), spec_there=SAGAN, spec_here=moved, same_classes=True)
    assert {how.how for how in found.values()} == {"taken"}
    back = match(shapes(moved), built["tables"], spec_there=moved, spec_here=SAGAN, same_classes=True)
    assert {name.split(".")[1] for name, how in back.items() if how.how == "new"} == {"long_range"}
    with pytest.raises(TransferError, match=r"no matching variable for generator\.blocks\.0\.conv_1\.layer\.bias"):
        match(built["auxiliary"], built["tables"], spec_there=ACGAN, spec_here=SAGAN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"resolution": 16, "generator_ladder": (1, 1, 1), "attention_d": ()},
            "received resolution=8 in .* and resolution=16 in",
        ),
        ({"width": 16}, "received width=8 in .* and width=16 in"),
        ({"discriminator_width": 16}, "received discriminator_width=8 in .* and discriminator_width=16 in"),
        ({"z_dim": 8}, "received z_dim=4 in .* and z_dim=8 in"),
        ({"spectral_norm_g": False}, "received spectral_norm_g=True in .* and spectral_norm_g=False in"),
        ({"block": "bottleneck", "discriminator_stem": 1}, "received block='basic' in .* and block='bottleneck' in"),
        ({"conditioning": "shared"}, "received conditioning='tables' in .* and conditioning='shared' in"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_networks_that_differ_are_refused_with_both_values(change, said):
    check_same_networks(SAGAN, dataclasses.replace(SAGAN, n_classes=2, head="auxiliary", norm_decay=0.5))
    check_same_networks(SAGAN, PLAIN)
    check_same_networks(SAGAN, dataclasses.replace(SAGAN, discriminator_width=16), discriminator=False)
    with pytest.raises(TransferError, match=said):
        check_same_networks(SAGAN, dataclasses.replace(SAGAN, **change))


def test_classes_go_by_name_and_by_the_map_and_others_start_as_the_mean():
    rows = rows_by_name(("a", "b", "c"), ("c", "dog", "b", "d"), {"dog": "a"})
    assert rows == (2, 0, 1, None)
    table = np.arange(12, dtype=np.float32).reshape(4, 3)  # three classes, and a row that none has
    options = {"rows": rows, "n_trained": 3}
    mean = table[:3].mean(0)
    np.testing.assert_array_equal(
        value(Match("by class", 0), table, shape=(5, 3), **options), [table[2], table[0], table[1], mean, mean]
    )
    np.testing.assert_array_equal(
        value(Match("by class", 1), table.T, shape=(3, 4), **options), np.stack([*table[[2, 0, 1]], mean], 1)
    )
    np.testing.assert_array_equal(value(Match("mean of the classes", 0), table, shape=(3,), **options), mean)
    np.testing.assert_array_equal(value(Match("for every class", 0), mean, shape=(2, 3), **options), [mean, mean])
    assert source_of("g.gain", Match("mean of the classes", 0)) == "g.gain.kernel"
    assert source_of("g.gain.kernel", Match("for every class", 0)) == "g.gain"


def test_the_first_blocks_of_a_deep_discriminator_are_frozen_with_the_stem_before_them():
    network = Discriminator(DEEP, frozen_blocks=1)
    variables = named_variables(network)
    frozen = network.frozen_names(variables)
    assert {name.split(".")[0] for name in frozen} == {"stem", "blocks", "long_range"}
    before = {name: variable.numpy() for name, variable in variables.items()}
    network(tf.ones([2, 32, 32, 3]), tf.constant([0, 1]), training=True)
    for name, variable in variables.items():
        if name.endswith(".u") and variable.shape[0] > 1:
            assert np.array_equal(before[name], variable.numpy()) == (name in frozen), name
