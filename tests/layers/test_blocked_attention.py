"""Blocked attention equals plain attention: values, first and second gradients, in every way to run it."""

import dataclasses
import functools

import pytest
import tensorflow as tf

from sagan_tf.layers.blocked_attention import Blocks, block_length, choose_blocks, in_blocks
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.platform_algorithms import ALGORITHMS
from sagan_tf.layers.self_attention import SelfAttention, attend
from sagan_tf.layers.target_platform import targeting
from tests.closeness import LAYER, assert_close, assert_each_close, half_precision

QUERY, KEY, VALUE = (
    tf.random.stateless_normal([2, rows, width], [1, width]) for rows, width in ((12, 3), (6, 3), (6, 5))
)

WEIGHT = tf.random.stateless_normal([2, 12, 5], [2, 2])


def plain(query, key, value):
    return attend(query, key, value)[0]


def blocked(query, key, value, blocks=None):
    return in_blocks(plain, query, key, value, blocks or Blocks(None, 4))


# Of the two images and twelve queries below: all images at once (the CPU's blocks); one image at a time, with all of
# its queries or some (the accelerators').
BLOCKS = (Blocks(None, 1), Blocks(None, 4), Blocks(None, 12), Blocks(1, 12), Blocks(1, 4), Blocks(2, 6))
SOME = (Blocks(None, 4), Blocks(1, 12), Blocks(1, 4))


def value_and_gradients(function, *inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        out = function(*inputs)
        loss = tf.reduce_sum(tf.cast(out, tf.float32) * WEIGHT)
    return [out, *tape.gradient(loss, inputs)]


def penalty_gradients(function, *inputs):
    """R1 differentiates D's input gradient by D's weights."""
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        gradients = value_and_gradients(function, *inputs)[1:]
        squares = tf.add_n([tf.reduce_sum(g**2) for g in gradients])
    return outer.gradient(squares, inputs)


@functools.cache
def of_each(several, compute, run):
    """What `compute` gives for each of several Blocks; of all in one program, which is compiled sooner than several."""

    def together(*inputs):
        return [compute(functools.partial(blocked, blocks=blocks), *inputs) for blocks in several]

    function = together if run == "eager" else tf.function(together, jit_compile=run == "xla")
    return dict(zip(several, function(QUERY, KEY, VALUE), strict=True))


@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
@pytest.mark.parametrize("run", ["eager", "graph", "xla"])
def test_out_and_gradients_are_plain_attentions(blocks, run):
    found = of_each(BLOCKS, value_and_gradients, run)[blocks]
    assert_each_close(found, value_and_gradients(plain, QUERY, KEY, VALUE), relative=LAYER)


@pytest.mark.parametrize("blocks", SOME, ids=str)
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_stays_and_sums_the_blocks_in_float32(dtype, blocks):
    inputs = [tf.cast(x, dtype) for x in (QUERY, KEY, VALUE)]
    exact = value_and_gradients(plain, *(tf.cast(x, tf.float32) for x in inputs))
    found = value_and_gradients(lambda *part: blocked(*part, blocks=blocks), *inputs)
    assert {tensor.dtype for tensor in found} == {dtype}
    assert_each_close(
        [tf.cast(tensor, tf.float32) for tensor in found], exact, relative=half_precision(dtype, layers=2)
    )


@pytest.mark.parametrize("blocks", SOME, ids=str)
@pytest.mark.parametrize("run", ["eager", "graph", "xla"])
def test_gradients_of_gradients_are_plain_attentions(run, blocks):
    found = of_each(SOME, penalty_gradients, run)[blocks]
    assert_each_close(found, penalty_gradients(plain, QUERY, KEY, VALUE), relative=LAYER)


def test_two_replicas_compute_it(mirrored):
    compiled = tf.function(lambda: mirrored.run(value_and_gradients, args=(blocked, QUERY, KEY, VALUE)))
    for replica in zip(*(mirrored.experimental_local_results(x) for x in compiled()), strict=True):
        assert_each_close(replica, value_and_gradients(plain, QUERY, KEY, VALUE), relative=LAYER)


def layer(memory, form="code"):
    def conv(channels):
        return Conv2D(channels, 1, use_bias=False, kernel_initializer="ones")

    made = SelfAttention(conv=conv, form=form, algorithm=memory)
    made.build((None, 4, 6, 16))
    made.built = True
    made.gamma.assign(0.5)
    return made


@pytest.mark.parametrize("form", ["code", "paper", "v1"])
def test_the_layer_gives_the_same_map_in_either_memory(form):
    x = 0.1 * tf.random.stateless_normal([2, 4, 6, 16], [1, 2])
    assert_close(layer("blocked", form)(x), layer("plain", form)(x), relative=LAYER)


@pytest.mark.parametrize(
    ("side", "form", "memory", "blocks"),
    [
        (32, "paper", "auto", False),
        (32, "code", "auto", False),
        (64, "code", "auto", True),
        (64, "paper", "auto", True),
        (128, "code", "auto", True),
        (64, "paper", "plain", False),
        (32, "code", "blocked", True),
    ],
)
def test_large_maps_are_computed_in_blocks_by_themselves(side, form, memory, blocks):
    made = SelfAttention(conv=lambda channels: Conv2D(channels, 1), form=form, algorithm=memory)
    graph = tf.function(made).get_concrete_function(tf.TensorSpec([1, side, side, 8])).graph
    assert bool({"While", "StatelessWhile"} & {op.type for op in graph.get_operations()}) == blocks


def test_blocks_divide_the_queries_and_hold_at_most_their_scores():
    cpu = ALGORITHMS["cpu"]
    assert block_length(128 * 128, 128 * 128, cpu) == 128 == cpu.block_queries > cpu.block_scores // 128**2
    assert block_length(36, 9, cpu) == 36
    assert block_length(2**12 * 9, 2**10, cpu) == 2**8
    assert block_length(7, 2 * cpu.block_scores, cpu) == 7
    assert block_length(2**12 - 1, 2 * cpu.block_scores, cpu) == 117


@pytest.mark.parametrize(
    ("batch", "side", "keys_side", "blocks"),
    [
        (64, 64, 32, Blocks(2, 4096)),  # SAGAN-128, BigGAN-128
        (32, 128, 64, Blocks(2, 1024)),  # G of BigGAN-256
        (64, 32, 16, Blocks(32, 1024)),
        (64, 16, 8, None),
        (63, 64, 32, Blocks(1, 4096)),
        (1, 64, 32, None),
        (2, 128, 128, Blocks(2, 256)),
    ],
)
@pytest.mark.parametrize("platform", ["gpu", "tpu"])
def test_accelerators_divide_the_batch_before_the_queries(platform, batch, side, keys_side, blocks):
    found = choose_blocks(batch, side**2, keys_side**2, ALGORITHMS[platform])
    assert found == blocks
    images, queries = found or (batch, side**2)
    assert batch % images == 0 and side**2 % queries == 0
    assert images * queries * keys_side**2 <= ALGORITHMS[platform].block_scores
    assert choose_blocks(None, side**2, keys_side**2, ALGORITHMS[platform]) == choose_blocks(
        batch, side**2, keys_side**2, ALGORITHMS["cpu"]
    )


@pytest.mark.parametrize("run", ["graph", "xla"])
def test_the_layer_on_an_accelerator_gives_the_cpus_map_and_gradients(monkeypatch, run):
    """Two blocks of three images each, against plain attention of all six."""
    monkeypatch.setitem(ALGORITHMS, "tpu", dataclasses.replace(ALGORITHMS["tpu"], block_scores=3 * 24 * 6))
    x = 0.1 * tf.random.stateless_normal([6, 4, 6, 16], [1, 2])
    made = layer("auto")

    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = made(x)
        return y, tape.gradient(y, x, tf.cos(x))

    expected = tf.function(value_and_gradient)(x)
    compiled = tf.function(value_and_gradient, jit_compile=run == "xla")
    with targeting("tpu"):
        graph = compiled.get_concrete_function(x).graph
        found = compiled(x)
    assert {"While", "StatelessWhile"} & {op.type for op in graph.get_operations()}
    assert_each_close(found, expected, relative=LAYER)


def test_an_unknown_algorithm_is_refused():
    with pytest.raises(ValueError, match="algorithm must be"):
        layer("flash")
