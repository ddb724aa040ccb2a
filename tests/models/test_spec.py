"""The arithmetic of a description against published totals, and what a description refuses."""

import dataclasses
import math
import subprocess
import sys

import pytest

from sagan_tf.models.families import acgan, biggan, biggan_deep, sagan, sngan_projection
from sagan_tf.models.parameters import (
    discriminator_parameters,
    discriminator_table,
    generator_parameters,
    generator_table,
)

# Parameters of SAGAN-128, 1000 classes, by the maps it attends at: instantiated from BigGAN-PyTorch's classes, equal
# to a count of the released SAGAN code by hand.
SAGAN_128 = {
    (): (41_996_931, 39_443_137),
    (8,): (43_307_652, 39_770_818),
    (16,): (42_324_612, 39_525_058),
    (32,): (42_078_852, 39_463_618),
    (64,): (42_017_412, 39_448_258),
}


@pytest.mark.parametrize("long_range", ["attention", "residual"])
@pytest.mark.parametrize("attention", SAGAN_128)
def test_sagan_128_has_the_published_counts_whatever_stands_in_for_attention(attention, long_range):
    spec = sagan(attention=attention, long_range=long_range).with_classes(1000)
    assert (generator_parameters(spec), discriminator_parameters(spec)) == SAGAN_128[attention]


# Decays and epsilons of the norms in the blocks and of the last one, spectral norm's epsilon, moments of all replicas,
# initial values and their gain: of SAGAN's and SNGAN's released codes, and of BigGAN's paper with compare_gan's decay.
CONSTANTS = {
    sagan: ((0.999, 0.9999), (1e-5, 1e-5), 1e-12, False, "glorot_uniform", 1.0),
    sngan_projection: ((0.9, 0.9), (2e-5, 2e-5), 1e-12, False, "glorot_uniform", math.sqrt(2)),
    acgan: ((0.9, 0.9), (2e-5, 2e-5), 1e-12, False, "glorot_uniform", math.sqrt(2)),
    biggan: ((0.9, 0.9), (1e-4, 1e-4), 1e-4, True, "orthogonal", 1.0),
    biggan_deep: ((0.9, 0.9), (1e-4, 1e-4), 1e-4, True, "orthogonal", 1.0),
}


@pytest.mark.parametrize("family", CONSTANTS)
def test_each_system_has_its_constants_and_initial_values(family):
    spec = family()
    decays, epsilons = (spec.norm_decay, spec.final_norm_decay), (spec.norm_epsilon, spec.final_norm_epsilon)
    rest = (spec.spectral_norm_epsilon, spec.cross_replica_norm, spec.initializer, spec.convolution_gain)
    assert (decays, epsilons, *rest) == CONSTANTS[family]
    assert (spec.inference_statistics, spec.table_initializer, spec.bias_initializer) == ("moving", "constant", "zeros")


def test_the_table_walks_from_z_to_image_and_back():
    spec = sagan().with_classes(1000)
    rows = [(s.kind, s.size, s.in_channels, s.out_channels) for s in generator_table(spec)]
    assert rows[:2] == [("dense", 4, 128, 1024), ("up block", 8, 1024, 1024)]
    assert rows[4:7] == [("up block", 64, 256, 128), ("attention", 64, 128, 128), ("up block", 128, 128, 64)]
    assert [s.size for s in discriminator_table(spec)] == [64, 64, 32, 16, 8, 4, 4, 1]


def test_attention_stands_after_the_first_block_of_a_size_only():
    """BigGAN-PyTorch's 32 px discriminator lists one size four times and gets four attention blocks."""
    spec = sagan(32, attention=(8,)).with_classes(10)
    assert [s.kind for s in discriminator_table(spec)].count("attention") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 96}, "generator_ladder must have log2"),
        ({"attention_g": (48,)}, r"attention_g must be a tuple of .*\(8, 16, 32, 64, 128\).*attention_g=\(48,\)"),
        ({"attention_d": 64}, "attention_d must be a tuple"),
        ({"hierarchical": True}, "must go with conditioning='shared'"),
        ({"hierarchical": True, "conditioning": "shared", "z_dim": 128}, "z_dim must be a multiple of 6"),
        ({"head": "project"}, "head must be one of projection, auxiliary, plain; received head='project'"),
        ({"attention_form": "pooled"}, "attention_form must be one of"),
        ({"width": 0}, "width must be a positive integer"),
        ({"width": 1.5}, "width must be a positive integer"),
        ({"pools": 9}, "pools must be between"),
        ({"pools": 2.5}, "pools must be an integer or a tuple; received pools=2.5"),
        ({"pools": True}, "pools must be an integer or a tuple; received pools=True"),
        ({"pools": [True] * 6}, "pools must be an integer or a tuple"),
        ({"upsamples": [True] * 5}, "upsamples must be a tuple or None"),
        ({"resolution": 128.0}, r"resolution must be a positive integer; received resolution=128\.0"),
        ({"width": None}, "width must be a positive integer; received width=None"),
        ({"generator_ladder": [16, 16, 8, 4, 2, 1]}, "generator_ladder must be a tuple of positive integers"),
        ({"discriminator_ladder": (1, 2, 4.5, 8, 16, 16)}, "discriminator_ladder must be a tuple of positive integers"),
        ({"discriminator_ladder": (-1, 2, 4, 8, 16, 16)}, "discriminator_ladder must be a tuple of positive integers"),
        ({"spectral_norm_g": "False"}, "spectral_norm_g must be True or False; received spectral_norm_g='False'"),
        ({"head_bias": None}, "head_bias must be True or False"),
        ({"norm_epsilon": float("inf")}, "norm_epsilon must be a finite number; received norm_epsilon=inf"),
        ({"norm_decay": "0.9"}, "norm_decay must be a finite number; received norm_decay='0.9'"),
        (
            {"width": 6},
            "maps that G attends to must have a multiple of 8 channels; received 12 channels on the map of 64",
        ),
        ({"discriminator_width": 12}, r"maps that D attends to must.*received 12 channels .*discriminator_width=12"),
        ({"width": 6, "attention_g": ()}, r"maps that D attends to must.* channels .*, width=6\)"),
        ({"discriminator_width": 4, "long_range": "residual"}, "D attends to must have 8 channels or more"),
        ({"long_range": "residual", "attention_form": "paper"}, "must be matched to the code's"),
        ({"initializer": "xavier"}, "initializer must be one of"),
        ({"norm_decay": 1.0}, r"norm_decay must be in \[0, 1\)"),
        ({"spectral_norm_epsilon": 0.0}, "spectral_norm_epsilon must be positive"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(sagan(), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": "deep"}, "block must be one of basic, bottleneck; received block='deep'"),
        ({"condition_order": "z"}, "condition_order must be one of embedding_z, z_embedding"),
        ({"block": "basic"}, "must go with block='bottleneck'"),
        ({"discriminator_stem": None}, "discriminator_stem must be a positive integer with block='bottleneck'"),
        ({"discriminator_stem": 4}, "must have channels that don't increase from block to block in G"),
        ({"discriminator_width": 1, "discriminator_stem": 1}, "at least four of them"),
        ({"wide_rgb": True, "width": 2}, "wide_rgb=True must have three channels"),
        ({"upsamples": (True,) * 10}, "upsamples must be True log2"),
        ({"upsamples": (True, False)}, "upsamples must hold True or False for each of the 10 blocks"),
        ({"pools": (True,) * 9}, "pools must hold True or False for each of the 10 blocks"),
        ({"thin_discriminator": True}, "thin_discriminator must be False with block='bottleneck'"),
        ({"attention_blocks_g": (3,)}, "without attention_g beside it"),
        (
            {"attention_g": (), "attention_blocks_g": (10,)},
            "attention_blocks_g must be a tuple of blocks' numbers, 0 to 9",
        ),
        ({"conditioning": "none"}, "condition_includes_z=True must go with conditioning='shared'"),
        ({"hierarchical": True}, r"hierarchical=True \(BigGAN\) must not be combined with"),
    ],
)
def test_what_does_not_fit_bottlenecks_is_refused_with_what_would(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(biggan_deep(), **change)


def test_biggan_takes_no_setting_of_another_kind_for_its_default():
    for settings, message in (
        ({"z_dim": 0}, "z_dim must be a positive integer; received z_dim=0"),
        ({"conditioning": ""}, "conditioning must be one of"),
        ({"hierarchical": "False"}, "hierarchical must be True or False"),
    ):
        with pytest.raises(ValueError, match=message):
            biggan(**settings)


def test_where_bottlenecks_stand_in_a_stage_and_attention_after_it():
    spec = biggan_deep(64, depth=3, attention_g=(8, 64), attention_d=(32, 4))
    assert spec.generator_ladder == (16, 16, 16, 16, 16, 16, 8, 8, 8, 4, 4, 4, 2)
    assert spec.generator_sizes == (4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64)
    assert [i for i, attends in enumerate(spec.generator_attends) if attends] == [2, 11]
    assert spec.discriminator_sizes == (32, 32, 32, 16, 16, 16, 8, 8, 8, 4, 4, 4)
    assert [i for i, attends in enumerate(spec.discriminator_attends) if attends] == [2, 11]
    with pytest.raises(ValueError, match="depth must be a positive integer; received depth=0"):
        biggan_deep(depth=0)
    with pytest.raises(ValueError, match=r"resolution must be one of 32, 64, 128, 256, 512.*add stages to STAGES"):
        biggan_deep(96)


def test_a_resolution_without_a_ladder_names_those_that_have_one():
    with pytest.raises(ValueError, match="resolution must be one of 32, 64, 128, 256, 512; received resolution=96"):
        sagan(96)
    with pytest.raises(ValueError, match="n_classes must be known"):
        generator_parameters(sagan())


def test_descriptions_are_made_and_counted_without_tensorflow():
    program = (
        "import sys; from sagan_tf.models import cost, families; spec = families.sagan().with_classes(10); "
        "cost.training_memory(spec, cost.PLAIN, batch_size=4); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
