"""The order of examples: each epoch is a permutation keyed by (seed, epoch), which can be entered anywhere in O(1)."""

from collections.abc import Callable

import tensorflow as tf

_ENDLESS = tf.int64.max


def permuted(position: tf.Tensor, *, n: int, seed: int) -> tf.Tensor:
    """The index in [0, n) of the example at `position` (int64, ()) of the endless order.

    Position p lies in epoch p // n. Each epoch visits every index once, in its own pseudo-random order.
    """
    return permutation(position % n, n=n, seed=seed, epoch=position // n)


def permutation(positions: tf.Tensor, *, n: int | tf.Tensor, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """The elements at `positions` (int64, any shape) of the permutation of 0 ... n - 1 keyed by (seed, epoch)."""
    key = tf.stack([tf.constant(seed, tf.int64), epoch])
    return tf.random.experimental.index_shuffle(positions, key, tf.cast(n - 1, tf.int64))


def positions(start: int, stride: int = 1) -> tf.data.Dataset:
    """The endless data set start, start + stride, start + 2 stride, ... of int64.

    Raises:
      ValueError: for a negative start or a stride below 1.
    """
    if start < 0 or stride < 1:
        raise ValueError(
            f"The stream's start and stride must be at least 0 and 1; received start={start}, stride={stride}."
        )
    return tf.data.Dataset.range(start, _ENDLESS - stride, stride)


def shuffled_indices(n: int, *, seed: int, start: int = 0, stride: int = 1) -> tf.data.Dataset:
    """The endless order of n examples with random access, as a data set of int64 indices."""
    return positions(start, stride).map(lambda position: permuted(position, n=n, seed=seed))


def random_access(n: int, read: Callable, *, parallel: bool = True) -> tuple[Callable, Callable]:
    """`stream` and `ordered` (see `Examples`) of n examples, where `read(index)` returns (image, label)."""

    def read_all(indices: tf.data.Dataset) -> tf.data.Dataset:
        if not parallel:
            return indices.map(read)
        return indices.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def stream(*, seed: int, start: int = 0, stride: int = 1) -> tf.data.Dataset:
        return read_all(shuffled_indices(n, seed=seed, start=start, stride=stride))

    def ordered() -> tf.data.Dataset:
        return read_all(tf.data.Dataset.range(n))

    return stream, ordered
