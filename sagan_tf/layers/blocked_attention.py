"""Attention in blocks: the same results, with memory that grows with H*W rather than its square.

The scores of a block are computed, used and discarded, and recomputed when the gradient needs them (Rabe & Staats 2021,
"Self-attention does not need O(n^2) memory"; keys are not divided into blocks here, so each row of scores is complete
and its softmax is the plain one). TensorFlow has no fused attention to use instead: Keras' dot_product_attention forms
all scores on this backend.

A block is some queries of some images. On the CPU it holds all images of the batch. On TPUs and GPUs it holds few
images and, if they fit, all of their queries, so that its scores stay in fast memory (layers/platform_algorithms.py).

Shapes: B images per batch, N queries of length K, M keys of length K and values of length V.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from sagan_tf.layers.dtype_policy import at_least_float32
from sagan_tf.layers.platform_algorithms import ALGORITHMS, PlatformAlgorithms

Attend = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# Scores per image (queries times keys; 16 MiB of float32) from which blocked attention was measured to take about as
# long as plain attention on the CPU, forward and backward: maps of 64x64 and larger, pooled or not.
BLOCKED_FROM = 2**22


class Blocks(NamedTuple):
    """The size of a block. images: how many, None for the whole batch. queries: how many of each image."""

    images: int | None
    queries: int


def choose_blocks(
    batch: int | None, queries: int, keys: int, algorithms: PlatformAlgorithms, *, always: bool = False
) -> Blocks | None:
    """The blocks for a map of this size on this platform, or None where plain attention is the better choice.

    batch: the number of images, None if it is unknown while a graph is traced.
    always: whether to choose blocks even if plain attention is better.
    """
    if batch is None:
        algorithms = ALGORITHMS["cpu"]  # whose blocks hold the whole batch, however many images it has
    if batch is None or not algorithms.image_groups:
        worth = queries * keys >= BLOCKED_FROM
        return Blocks(None, block_length(queries, keys, algorithms)) if worth or always else None
    most = algorithms.block_scores
    if batch * queries * keys <= most:
        return Blocks(None, queries) if always else None
    images = max(_largest_divisor(batch, most // (queries * keys)), 2 if batch % 2 == 0 else 1)
    if images * queries * keys <= most:
        return Blocks(images, queries)
    return Blocks(images, block_length(queries, images * keys, algorithms))


def block_length(queries: int, keys: int, algorithms: PlatformAlgorithms) -> int:
    """The largest divisor of the queries' number up to `block_queries`, or to `block_scores` scores if that is more."""
    return _largest_divisor(queries, max(algorithms.block_queries, algorithms.block_scores // keys))


def _largest_divisor(number: int, most: int) -> int:
    return max((n for n in range(1, min(number, most) + 1) if number % n == 0), default=1)


def in_blocks(attend: Attend, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, blocks: Blocks) -> tf.Tensor:
    """Computes attend(query, key, value) for one block after another.

    attend: (b,n,K), (b,M,K), (b,M,V) -> (b,n,V); each row of its result must depend on its own image and query alone.
    Shapes: query (B,N,K), key (B,M,K), value (B,M,V) -> (B,N,V). The block's sizes must divide B and N.
    The gradients of key and value are summed over the blocks of an image in float32 or float64. They can be
    differentiated again (R1), at the cost of the memory that the blocks save.
    """

    whole = blocks.images is not None and blocks.queries == query.shape[1]
    forward, backward = (attend, _gradients_of_one) if whole else (functools.partial(_over_blocks, attend), _gradients)

    def split(x: tf.Tensor) -> tf.Tensor:
        return x if whole else _split(x, blocks.queries)

    def join(x: tf.Tensor) -> tf.Tensor:
        return x if whole else _join(x)

    def groups(function: Callable, inputs: tuple[tf.Tensor, ...], types: Any) -> Any:
        if blocks.images is None:
            return function(*inputs)
        return _over_images(function, inputs, blocks.images, types)

    @tf.custom_gradient
    def blocked(query, key, value):
        def gradients(d_out):
            inputs = (split(query), key, value, split(d_out))
            types = (query.dtype, key.dtype, value.dtype)
            d_query, d_key, d_value = groups(functools.partial(backward, attend), inputs, types)
            return join(d_query), d_key, d_value

        return join(groups(forward, (split(query), key, value), value.dtype)), gradients

    return blocked(query, key, value)


def _over_images(function: Callable, inputs: tuple[tf.Tensor, ...], images: int, types: Any) -> Any:
    """Applies a function to groups of `images` images of each input, one group after another.

    Shapes: (B,.,.), or (N/n,B,n,.) for queries in blocks; so are the results, which have the given types.
    """

    def grouped(x: tf.Tensor) -> tf.Tensor:
        *blocks, _, rows, width = x.shape
        parts = tf.reshape(x, [*blocks, -1, images, rows, width])
        return tf.transpose(parts, [1, 0, 2, 3, 4]) if blocks else parts

    def together(x: tf.Tensor) -> tf.Tensor:
        _, *blocks, _, rows, width = x.shape
        parts = tf.transpose(x, [1, 0, 2, 3, 4]) if blocks else x
        return tf.reshape(parts, [*blocks, -1, rows, width])

    parts = tuple(grouped(x) for x in inputs)
    found = tf.map_fn(lambda part: function(*part), parts, parallel_iterations=1, fn_output_signature=types)
    return tf.nest.map_structure(together, found)


def _over_blocks(attend: Attend, queries: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Attention of each block of queries: (N/n,B,n,K) -> (N/n,B,n,V)."""
    return tf.map_fn(
        lambda part: attend(part, key, value), queries, parallel_iterations=1, fn_output_signature=value.dtype
    )


def _gradients(attend: Attend, queries, key, value, d_outs) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradients of queries (N/n,B,n,K), key and value from d_outs (N/n,B,n,V). All scores are recomputed."""
    n_blocks, exact = queries.shape[0], at_least_float32(queries.dtype)

    def add_block(i, d_queries, d_key, d_value):
        d_query, d_k, d_v = _gradients_of_one(attend, tf.gather(queries, i), key, value, tf.gather(d_outs, i))
        d_key, d_value = d_key + tf.cast(d_k, exact), d_value + tf.cast(d_v, exact)
        return i + 1, d_queries.write(i, d_query), d_key, d_value

    start = (
        tf.constant(0),
        tf.TensorArray(queries.dtype, n_blocks, element_shape=queries.shape[1:]),
        tf.zeros(tf.shape(key), exact),
        tf.zeros(tf.shape(value), exact),
    )
    _, d_queries, d_key, d_value = tf.while_loop(
        lambda i, *_: i < n_blocks, add_block, start, parallel_iterations=1, maximum_iterations=n_blocks
    )
    return d_queries.stack(), tf.cast(d_key, key.dtype), tf.cast(d_value, value.dtype)


def _gradients_of_one(attend: Attend, query, key, value, d_out) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradients of one block's attention."""
    inputs = [tf.identity(x) for x in (query, key, value)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        out = attend(*inputs)
    return tuple(tape.gradient(out, inputs, d_out))


def _split(x: tf.Tensor, block: int) -> tf.Tensor:
    _, rows, width = x.shape
    return tf.transpose(tf.reshape(x, [-1, rows // block, block, width]), [1, 0, 2, 3])  # (N/n,B,n,.)


def _join(x: tf.Tensor) -> tf.Tensor:
    n_blocks, _, block, width = x.shape
    return tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [-1, n_blocks * block, width])  # (B,N,.)
