"""Operations, activations and memory: small cases by hand, the graph's own operations, SAGAN-128's known work."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.resampling import FUSED_SIDES
from sagan_tf.models import cost, families
from sagan_tf.models.cost import PLAIN, Algorithms, Cost
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.parameters import discriminator_parameters, generator_parameters

AUTO = Algorithms(fused_up=FUSED_SIDES, fused_down=FUSED_SIDES)


def test_layers_by_hand():
    assert cost.convolution(3, 2, 5, 4) == 2 * 9 * 2 * 5 * 16
    assert cost.resampled(2, 5, 8, fused=True) * 9 == cost.resampled(2, 5, 8, fused=False) * 4
    spec = families.sagan(32, attention=(16,))
    # queries, keys C/8 and values C/2 of C=8 on 4x4, out C/2 -> C; 16 queries x 4 pooled keys
    maps = 2 * 16 * (8 * 1 + 8 * 1 + 8 * 4 + 4 * 8)
    flops, kept = maps + 2 * 16 * 4 * (1 + 4), 16 * (16 + 2 + 8)
    assert cost.attention(spec, 8, 4, PLAIN) == Cost(flops, kept, kept_float32=16 * 4)
    assert cost.attention(spec, 8, 4, Algorithms(blocked_from=64)) == Cost(flops, kept)


def test_an_up_block_by_hand():
    plain = cost.generator_block(2, 3, 8, PLAIN).flops
    assert plain == 2 * 64 * (9 * 2 * 3 + 9 * 3 * 3 + 2 * 3)
    ours = cost.generator_block(2, 3, 8, Algorithms(fused_up=(4,)))
    normalized = 2 * 16 + 3 * 64
    assert ours.kept_bytes("float32") == 4 * 2 * normalized
    assert ours.kept_bytes("bfloat16") == 2 * 2 * normalized + 4 * normalized
    assert ours.flops == 2 * 64 * (4 * 2 * 3 + 9 * 3 * 3) + 2 * 16 * 2 * 3


def test_bottlenecks_by_hand():
    up = cost.generator_bottleneck(8, 2, 4, 16, True, PLAIN)
    assert up.flops == 2 * (64 * 8 * 2 + 256 * (9 * 2 * 2 + 9 * 2 * 2 + 2 * 4))
    normalized = (8 + 2) * 64 + 2 * 2 * 256
    assert (up.kept, up.widened) == (2 * normalized, normalized)
    fused = cost.generator_bottleneck(8, 2, 4, 16, True, Algorithms(fused_up=(8,)))
    assert up.flops - fused.flops == 2 * 256 * 5 * 2 * 2
    down = cost.discriminator_bottleneck(8, 3, 12, 16, True)
    assert down.flops == 2 * (256 * (8 * 3 + 9 * 3 * 3 + 9 * 3 * 3) + 64 * (3 * 12 + 8 * 4))
    assert down.kept == (8 + 3 * 3) * 256 + (3 + 8) * 64
    same = cost.discriminator_bottleneck(12, 3, 12, 8, False)
    assert (same.flops, same.kept) == (2 * 64 * (12 * 3 + 18 * 3 * 3 + 3 * 12), (12 + 9) * 64)


def test_a_wide_last_convolution_computes_the_image_alone():
    spec = families.biggan_deep(32, width=8).with_classes(3)
    ours, drawn = (cost.generator_costs(spec, a)[-1].flops for a in (AUTO, PLAIN))
    assert (ours, drawn) == (2 * 9 * 32 * 3 * 32 * 32, 2 * 9 * 32 * 32 * 32 * 32)


@pytest.mark.parametrize(
    ("algorithms", "gflop"), [(PLAIN, 616.9), (Algorithms(fused_up=(16, 32, 64), fused_down=(16, 32, 64)), 467.0)]
)
def test_the_known_work_of_sagan_128(algorithms, gflop):
    spec = families.sagan().with_classes(1000)
    assert cost.step_flops(spec, algorithms, batch_size=4) / 1e9 == pytest.approx(gflop, abs=0.05)
    assert cost.step_flops(spec, algorithms, batch_size=8) == 2 * cost.step_flops(spec, algorithms, batch_size=4)


def test_a_second_update_of_d_costs_one_generation_and_three_passes_of_two_batches():
    spec = families.biggan(128).with_classes(1000)
    g, d = (cost.total(f(spec, AUTO)).flops for f in (cost.generator_costs, cost.discriminator_costs))
    one, two = (cost.step_flops(spec, AUTO, batch_size=3, discriminator_steps=n) for n in (1, 2))
    assert two - one == 3 * (g + 6 * d)


def operations(function) -> int:
    """Operations of all convolutions and matrix products in a graph, from its own shapes."""
    found = 0
    for op in function.graph.get_operations():
        out = np.prod(op.outputs[0].shape.as_list()) if op.outputs and op.outputs[0].shape.rank is not None else 0
        if op.type == "Conv2D":
            found += 2 * out * np.prod(op.inputs[1].shape.as_list()[:3])
        elif op.type == "Conv2DBackpropInput":  # a transposed convolution
            height, width = op.inputs[1].shape[:2]
            found += 2 * np.prod(op.inputs[2].shape.as_list()) * height * width * op.inputs[1].shape[2]
        elif op.type in ("MatMul", "BatchMatMulV2") and op.inputs[0].shape != (16, 9):  # that spreads a kernel
            transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
            found += 2 * out * op.inputs[0].shape[-2 if transposed else -1]
    return int(found)


SPECS = {
    "sagan": families.sagan(32, width=8, attention=(16,)),
    "residual": families.sagan(32, width=8, attention=(16,), long_range="residual"),
    "biggan": families.biggan(32, width=8),
    "acgan": families.acgan(32, width=8),
    "biggan_deep": families.biggan_deep(32, width=8),
}


@pytest.mark.parametrize("name", SPECS)
def test_the_graph_does_as_many_operations(name, unallocated):
    # without spectral norms, whose products are not counted
    spec = dataclasses.replace(SPECS[name].with_classes(3), spectral_norm_g=False, spectral_norm_d=False)
    with tf.Graph().as_default():
        generator, discriminator = Generator(spec), Discriminator(spec)
        z, y = tf.zeros([1, spec.z_dim]), tf.zeros([1], tf.int32)
        images = tf.zeros([1, 32, 32, 3])
        g = tf.function(generator).get_concrete_function(z, y)
        d = tf.function(discriminator).get_concrete_function(images, y)
    assert operations(g) == cost.total(cost.generator_costs(spec, AUTO)).flops
    # the projection on the class's row is a sum of elementwise products in the graph
    projection = 2 * spec.discriminator_channels[-1] if spec.head == "projection" else 0
    assert operations(d) == cost.total(cost.discriminator_costs(spec, AUTO)).flops - projection


# The memory estimate's arithmetic; benchmarks/memory.py compares it with real runs.
SAGAN_32 = families.sagan(32, attention=(16,)).with_classes(10)


def test_the_state_is_exact():
    g, d = generator_parameters(SAGAN_32), discriminator_parameters(SAGAN_32)
    assert cost.training_memory(SAGAN_32, Algorithms(), batch_size=1).state == 4 * 3 * (g + d)
    assert cost.training_memory(SAGAN_32, Algorithms(), batch_size=1, averaged=True).state == 4 * (3 * (g + d) + g)


def test_activations_grow_with_the_batch_alone():
    one, four = (cost.training_memory(SAGAN_32, Algorithms(), batch_size=b) for b in (1, 4))
    assert four.activations == pytest.approx(4 * one.activations, abs=4)
    assert dataclasses.replace(four, activations=0) == dataclasses.replace(one, activations=0)
    assert four.total == four.process + four.state + four.weights + four.activations


@pytest.mark.parametrize(("width", "discriminator_width", "twice"), [(64, 8, False), (8, 64, True)])
def test_the_larger_of_the_two_updates_counts(width, discriminator_width, twice):
    spec = families.sagan(32, width=width, discriminator_width=discriminator_width, attention=()).with_classes(10)
    g, d = (
        cost.total(f(spec, Algorithms())).kept_bytes("float32")
        for f in (cost.generator_costs, cost.discriminator_costs)
    )
    kept = 2 * d if twice else g + d
    assert kept == max(2 * d, g + d)
    found = cost.training_memory(spec, Algorithms(), batch_size=3).activations
    assert found == pytest.approx(cost.PER_ACTIVATION * 3 * kept, abs=1)


def test_sixteen_bits_save_less_than_half():
    full, half = (
        cost.training_memory(SAGAN_32, Algorithms(), batch_size=8, precision=p) for p in ("float32", "bfloat16")
    )
    assert full.activations / 2 < half.activations < full.activations
    assert full.state == half.state and full.weights > half.weights
