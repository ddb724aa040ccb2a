"""The parameter arithmetic equals the built networks and the published shapes, tensor by tensor."""

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest
import tensorflow as tf

from sagan_tf.interop import biggan_pytorch
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.families import acgan, biggan, biggan_deep, sagan, sngan_projection
from sagan_tf.models.generator import Generator
from sagan_tf.models.parameters import (
    discriminator_parameters,
    discriminator_table,
    generator_parameters,
    generator_table,
    shared_embedding_parameters,
)
from sagan_tf.models.spec import GANSpec
from tests.gin_files import RUNS, settings_of

PUBLISHED = json.loads((Path(__file__).parent / "published_shapes.json").read_text())
TABLES = {"shared": False, "hierarchical": False}
CIFAR = {"width": 64, "discriminator_width": 128, "attention_g": (), "attention_d": ()}
SPECS = {
    "sagan128_noattn": sagan(attention=()),
    "sagan128_feat8": sagan(attention=(8,)),
    "sagan128_feat16": sagan(attention=(16,)),
    "sagan128_feat32": sagan(attention=(32,)),
    "sagan128_feat64 (BigGAN Table1 rows 1-4)": biggan(width=64, **TABLES),
    "biggan128_ch96_row5": biggan(**TABLES),
    "biggan128_ch96_shared_row6": biggan(hierarchical=False),
    "biggan128_ch96_shared_hier_row7-8": biggan(),
    "biggan128_ch64_shared_hier_row9": biggan(width=64),
    "biggan256_ch96": biggan(256),
    "biggan512_ch96_z160": biggan(512),
    "biggan512_ch96_z128": biggan(512, z_dim=128),
    "cifar10_biggan_pytorch": biggan(32, **CIFAR, **TABLES),
}


@pytest.fixture(autouse=True, scope="module")
def without_iterations(unallocated):
    """Nothing is computed: spectral norms only make their variables."""

    def identity(norm):
        return tf.convert_to_tensor(norm._kernel()), tf.constant(1.0), tf.convert_to_tensor(norm.u)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpectralNorm, "_iterate", identity)
        yield


FIELDS = {field.name for field in dataclasses.fields(GANSpec)}
# What no variable's existence or shape depends on, in both networks, in G, and in D.
CONSTANTS = {"initializer", "convolution_gain", "norm_decay", "final_norm_decay", "norm_epsilon", "final_norm_epsilon",
             "spectral_norm_epsilon", "cross_replica_norm", "inference_statistics"}  # fmt: skip
ONLY_OF_D = {"discriminator_ladder", "pools", "discriminator_width", "attention_d", "attention_blocks_d", "head",
             "discriminator_stem", "head_bias", "spectral_norm_d", "thin_discriminator", "classifier_bias"}  # fmt: skip
ONLY_OF_G = {"generator_ladder", "upsamples", "width", "z_dim", "conditioning", "shared_dim", "hierarchical",
             "condition_includes_z", "condition_order", "attention_g", "attention_blocks_g", "wide_rgb",
             "spectral_norm_g", "dense_initializer", "table_initializer"}  # fmt: skip


def shaping(network, spec):
    """What the network's variables depend on: two descriptions that have it in common have the same network."""
    if network is Generator:
        return network, *(getattr(spec, name) for name in sorted(FIELDS - CONSTANTS - ONLY_OF_D))
    names = sorted(FIELDS - CONSTANTS - ONLY_OF_G - {"discriminator_width"})
    return network, spec.discriminator_channels, *(getattr(spec, name) for name in names)


_built = {}


def built(network, spec):
    """The shapes of the built network's trainable variables, and how many variables were made for each that it has."""
    key = shaping(network, spec)
    if key not in _built:
        with tf.Graph().as_default() as graph:
            variables = named_variables(network(spec))
        handles = sum(op.type == "VarHandleOp" for op in graph.get_operations())
        shapes = {n: tuple(v.shape) for n, v in variables.items() if v.trainable}
        _built[key] = shapes, handles / len(variables)
    return _built[key]


def built_shapes(network, spec):
    return built(network, spec)[0]


def in_pytorch(spec, shapes):
    """This package's shapes under the names and layouts of BigGAN-PyTorch."""
    found = biggan_pytorch.matches(spec, shapes)
    return {found[n].name: list(found[n].shape_there(shape)) for n, shape in shapes.items()}


def total(shapes):
    return sum(math.prod(shape) for shape in shapes.values())


def quick(names, chosen):
    """The chosen names; the others are slow tests."""
    return [name if name in chosen else pytest.param(name, marks=pytest.mark.slow) for name in names]


def published_spec(name):
    return SPECS[name].with_classes(10 if name.startswith("cifar10") else 1000)


@pytest.mark.parametrize("name", SPECS)
def test_the_arithmetic_has_the_published_totals(name):
    spec = published_spec(name)
    counts = [generator_parameters(spec), discriminator_parameters(spec), shared_embedding_parameters(spec)]
    assert counts == PUBLISHED[name]["counts"] and counts[:2] == [total(PUBLISHED[name][net]) for net in "GD"]


@pytest.mark.parametrize("name", SPECS)
def test_every_built_tensor_has_its_published_shape(name):
    spec = published_spec(name)
    assert in_pytorch(spec, built_shapes(Generator, spec)) == PUBLISHED[name]["G"]
    blind = sagan_like_discriminator(spec)
    assert in_pytorch(blind, built_shapes(Discriminator, blind)) == PUBLISHED[name]["D"]


def sagan_like_discriminator(spec):
    """A description with the same D, whatever G is, by whose names the published D's layers go."""
    if spec.conditioning == "tables" or spec.resolution != 128:
        return spec
    return biggan(width=spec.width, **TABLES).with_classes(1000)


def gin_networks():
    """The different networks of the gin files; of the deep ones all but one at 128 px are slow."""
    found = {}
    for file in RUNS:
        spec = settings_of(file).spec.with_classes(10 if "cifar10" in file else 1000)
        for name, network in (("G", Generator), ("D", Discriminator)):
            found.setdefault(shaping(network, spec), (network, spec, f"{name} of {file}"))
    for network, spec, name in found.values():
        slow = re.search("deep_(256|512)|released/biggan_deep", name)
        yield pytest.param(network, spec, id=name, marks=[pytest.mark.slow(reason="many layers")] if slow else [])


@pytest.mark.parametrize(("network", "spec"), list(gin_networks()))
def test_the_network_of_each_gin_file_is_built_as_counted_every_weight_made_once(network, spec):
    count = generator_parameters if network is Generator else discriminator_parameters
    shapes, made_for_each = built(network, spec)
    assert (total(shapes), made_for_each) == (count(spec), 1.0)


@pytest.mark.parametrize(
    ("row", "settings", "millions"),
    [
        (1, {"width": 64, **TABLES}, 81.5),
        (5, TABLES, 173.5),
        (6, {"hierarchical": False}, 160.6),
        (8, {}, 158.3),
        (9, {"width": 64}, 71.3),
    ],
)
def test_biggan_table_1_prints_these_totals_without_the_shared_embedding(row, settings, millions):
    assert millions_of(biggan(**settings).with_classes(1000)) == millions


@pytest.mark.parametrize(
    ("settings", "millions"),
    [({"width": 64, **TABLES}, 317.1), ({"width": 64}, 99.4), ({"width": 96}, 207.9), ({"width": 128}, 355.7)],
)
def test_biggan_table_3_fits_with_18293_classes_and_attention_at_64(settings, millions):
    assert millions_of(biggan(256, attention_g=(64,), **settings).with_classes(18_293)) == millions


def millions_of(spec):
    total = generator_parameters(spec) + discriminator_parameters(spec) - shared_embedding_parameters(spec)
    return round(total / 1e6, 1)


# Counted for this project from the released codes' layouts; the AC-GAN rows by their heads.
OTHERS = {
    "sngan": (sngan_projection(), 1000, 41_996_931, 30_041_857),
    "sngan_cifar10": (sngan_projection(32, head_bias=False), 10, 4_304_387, 1_055_104),
    "acgan": (acgan(), 1000, 41_996_931, 30_041_857),
    "acgan_class_bias": (acgan(classifier_bias=True), 1000, 41_996_931, 30_042_857),
    "acgan_wide": (acgan(thin_discriminator=False), 1000, 41_996_931, 39_443_137),
}


@pytest.mark.parametrize("name", OTHERS)
def test_sngan_and_acgan_have_the_counted_totals(name):
    spec, n_classes, g, d = OTHERS[name]
    spec = spec.with_classes(n_classes)
    assert (generator_parameters(spec), discriminator_parameters(spec)) == (g, d)


@pytest.mark.parametrize("name", quick(OTHERS, {"sngan_cifar10", "acgan_class_bias"}))
def test_sngan_and_acgan_are_built_so(name):
    spec, n_classes, g, d = OTHERS[name]
    spec = spec.with_classes(n_classes)
    assert (total(built_shapes(Generator, spec)), total(built_shapes(Discriminator, spec))) == (g, d)


# BigGAN-deep with the last convolution of DeepMind's modules, of which the paper prints 50.4M and 34.6M at 128 px, and
# with BigGAN-PyTorch's; D's at 256 px are BigGAN-PyTorch's, and 512 px follows from the paper's Table 9.
DEEP = {
    128: (50_388_609, 50_244_484, 34_590_210),
    256: (55_880_833, 55_736_708, 38_247_426),
    512: (56_163_905, 56_019_780, 38_301_122),
}


@pytest.mark.parametrize("resolution", DEEP)
def test_biggan_deep_has_the_published_totals(resolution):
    wide, narrow, d = DEEP[resolution]
    for wide_rgb, g in ((True, wide), (False, narrow)):
        spec = biggan_deep(resolution, wide_rgb=wide_rgb).with_classes(1000)
        assert (generator_parameters(spec), discriminator_parameters(spec)) == (g, d)
        assert shared_embedding_parameters(spec) == 128_000


def test_biggan_deep_walks_as_the_papers_table_7_does():
    spec = biggan_deep().with_classes(1000)
    g = [(s.kind, s.size, s.in_channels // 128, s.out_channels // 128) for s in generator_table(spec)][2:-1]
    assert g == [("block", 4, 16, 16), ("up block", 8, 16, 16), ("block", 8, 16, 16), ("up block", 16, 16, 8),
                 ("block", 16, 8, 8), ("up block", 32, 8, 4), ("block", 32, 4, 4), ("up block", 64, 4, 2),
                 ("attention", 64, 2, 2), ("block", 64, 2, 2), ("up block", 128, 2, 1)]  # fmt: skip
    d = [(s.kind, s.size, s.in_channels // 128, s.out_channels // 128) for s in discriminator_table(spec)][:-1]
    assert d == [("stem", 128, 0, 1), ("down block", 64, 1, 2), ("block", 64, 2, 2), ("attention", 64, 2, 2),
                 ("down block", 32, 2, 4), ("block", 32, 4, 4), ("down block", 16, 4, 8), ("block", 16, 8, 8),
                 ("down block", 8, 8, 16), ("block", 8, 16, 16), ("down block", 4, 16, 16), ("block", 4, 16, 16),
                 ]  # fmt: skip


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_the_residual_block_has_exactly_the_parameters_of_the_attention(side):
    attention, residual = (sagan(attention=(side,), long_range=k).with_classes(10) for k in ("attention", "residual"))
    for table in (generator_table, discriminator_table):
        counts = [
            next(stage.parameters for stage in table(spec) if stage.kind == spec.long_range)
            for spec in (attention, residual)
        ]
        assert counts[0] == counts[1]


@pytest.mark.parametrize("side", quick([8, 16, 32, 64], {64}))
def test_the_residual_networks_are_built_so(side):
    residual = sagan(attention=(side,), long_range="residual").with_classes(1000)
    attention = sagan(attention=(side,)).with_classes(1000)
    assert total(built_shapes(Generator, residual)) == generator_parameters(attention)
    assert total(built_shapes(Discriminator, residual)) == discriminator_parameters(attention)


# C of the map in G and in D, with the paper's form and the code's (and v1's): C^2/2 + 1 and 5C^2/4 + 1.
ATTENTION = {
    8: ((1024, 524_289, 1_310_721), (512, 131_073, 327_681)),
    16: ((512, 131_073, 327_681), (256, 32_769, 81_921)),
    32: ((256, 32_769, 81_921), (128, 8_193, 20_481)),
    64: ((128, 8_193, 20_481), (64, 2_049, 5_121)),
}


@pytest.mark.parametrize("side", ATTENTION)
def test_the_forms_of_attention_have_the_counted_parameters(side):
    for form, column in (("paper", 1), ("code", 2), ("v1", 2)):
        spec = sagan(attention=(side,), attention_form=form).with_classes(10)
        for table, expected in zip((generator_table(spec), discriminator_table(spec)), ATTENTION[side], strict=True):
            stage = next(stage for stage in table if stage.kind == "attention")
            assert (stage.out_channels, stage.parameters) == (expected[0], expected[column])
