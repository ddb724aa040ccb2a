"""Gradient accumulation: a batch that is too large for the memory, as several microbatches in time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from sagan_tf.training.state import Values, put, take
from sagan_tf.training.strategy import StrategyError

Run = Callable[..., Any]


def accumulate(run: Run, batch: Sequence[tf.Tensor | None], count: int, moved: Mapping[str, tf.Variable]) -> Any:
    """The sum over `count` microbatches of run(first, *rows), nested floats.

    batch: tensors of equally many rows (or None, handed on), cut into `count` equal parts; first: whether it is the
    first microbatch (a Python bool), for what is to be counted once.
    moved: variables that a pass moves. Every pass starts from the values that they had before; they end at the mean of
    what the passes made of them. That is, for spectral norm's u, exactly one iteration, as with the whole batch; for
    batch norm, one step of the moving averages towards the mean of the microbatches' means and of their variances.

    What differs from the whole batch: batch norm normalizes each microbatch by its own moments (over all replicas, if
    `cross_replica`), and the mean of the variances lacks the variance between the microbatches' means (BigGAN-PyTorch
    does the same, but moves its statistics and G's u once a microbatch). Without batch norm the sum is exact.

    The microbatches are unrolled, so that the graph grows with `count`: replicas can't reduce inside a loop, and in a
    loop within the steps' loop TensorFlow's graph optimizer failed at SAGAN-128's size (AlreadyExistsError: tmp_var).
    """
    if count == 1:
        return run(True, *batch)
    before = take(moved)

    def one(number: int, first: bool) -> tuple[Any, Values]:
        put(moved, before)
        return run(first, *(_rows(part, number, count) for part in batch)), take(moved)

    total = one(0, True)
    for number in range(1, count):
        with tf.control_dependencies(tf.nest.flatten(total)):  # or all would run, and be held, at once
            total = tf.nest.map_structure(tf.add, total, one(number, False))
    result, ends = total
    put(moved, {name: value / count for name, value in ends.items()})
    return result


def _rows(part: tf.Tensor | None, number: int, count: int) -> tf.Tensor | None:
    """The microbatch's rows: (B,...) -> (B/count,...)."""
    if part is None:
        return None
    size = part.shape[0] // count
    rest = part.shape[1:]
    return tf.slice(part, [number * size, *[0] * rest.rank], [size, *rest])


def check_accumulation(accumulation: int, batch_size: int, replicas: int) -> None:
    """Raises StrategyError unless each replica's share of the batch is divisible by the number of microbatches."""
    if batch_size % (replicas * accumulation):
        raise StrategyError(
            f"batch_size must be divisible by replicas times train.accumulation; received batch_size={batch_size} for "
            f"{replicas} replica(s) and train.accumulation={accumulation}. Use a multiple of {replicas * accumulation}."
        )
