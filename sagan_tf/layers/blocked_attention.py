"""Attention in blocks of queries: the same numbers, with memory that grows with H*W rather than its square.

The scores of a block are computed, used and discarded, and recomputed when the gradient needs them (Rabe & Staats 2021,
"Self-attention does not need O(n^2) memory"; keys are not divided into blocks here, so each row of scores is complete
and its softmax is the plain one). TensorFlow has no fused attention to use instead: Keras' dot_product_attention forms
all scores on this backend.

Shapes: B images per batch, N queries of length K, M keys of length K and values of length V.
"""

from collections.abc import Callable

import tensorflow as tf

Attend = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# Scores of one image in one block: 2 MiB of float32.
BLOCK_SCORES = 2**19
# Queries that a block may have however many scores they make: matrix products of fewer rows are slow.
BLOCK_QUERIES = 128


def block_length(queries: int, keys: int) -> int:
    """The largest divisor of the number of queries up to BLOCK_QUERIES, or to BLOCK_SCORES scores if that is more."""
    most = max(BLOCK_QUERIES, BLOCK_SCORES // keys)
    return max(n for n in range(1, queries + 1) if queries % n == 0 and n <= most)


def in_blocks(attend: Attend, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, *, block: int) -> tf.Tensor:
    """Computes attend(query, key, value) for `block` queries at a time, one block after another.

    attend: (B,n,K), (B,M,K), (B,M,V) -> (B,n,V); each row of its result must depend on its own query alone.
    Shapes: query (B,N,K), key (B,M,K), value (B,M,V) -> (B,N,V). `block` must divide N.
    The gradients of key and value are summed over the blocks in float32. They can be differentiated again (R1), at the
    cost of the memory that the blocks save.
    """

    @tf.custom_gradient
    def blocked(query, key, value):
        out = _over_blocks(lambda part: attend(part, key, value), query, block)
        return out, lambda d_out: _gradients(attend, query, key, value, d_out, block)

    return blocked(query, key, value)


def _over_blocks(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, block: int) -> tf.Tensor:
    """Applies a function to each block of rows: (B,N,.) -> (B,N,.)."""
    out = tf.map_fn(function, _split(x, block), parallel_iterations=1)
    return _join(out)


def _gradients(attend: Attend, query, key, value, d_out, block: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradients of query, key and value from d_out (B,N,V). The scores of each block are recomputed."""
    queries, d_outs = _split(query, block), _split(d_out, block)
    n_blocks = queries.shape[0]

    def add_block(i, d_queries, d_key, d_value):
        inputs = [tf.gather(queries, i), tf.identity(key), tf.identity(value)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            out = attend(*inputs)
        d_query, d_k, d_v = tape.gradient(out, inputs, tf.gather(d_outs, i))
        d_key, d_value = d_key + tf.cast(d_k, tf.float32), d_value + tf.cast(d_v, tf.float32)
        return i + 1, d_queries.write(i, d_query), d_key, d_value

    start = (
        tf.constant(0),
        tf.TensorArray(query.dtype, n_blocks, element_shape=queries.shape[1:]),
        tf.zeros(tf.shape(key), tf.float32),
        tf.zeros(tf.shape(value), tf.float32),
    )
    _, d_queries, d_key, d_value = tf.while_loop(
        lambda i, *_: i < n_blocks, add_block, start, parallel_iterations=1, maximum_iterations=n_blocks
    )
    return _join(d_queries.stack()), tf.cast(d_key, key.dtype), tf.cast(d_value, value.dtype)


def _split(x: tf.Tensor, block: int) -> tf.Tensor:
    _, rows, width = x.shape
    return tf.transpose(tf.reshape(x, [-1, rows // block, block, width]), [1, 0, 2, 3])  # (N/n,B,n,.)


def _join(x: tf.Tensor) -> tf.Tensor:
    n_blocks, _, block, width = x.shape
    return tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [-1, n_blocks * block, width])  # (B,N,.)
