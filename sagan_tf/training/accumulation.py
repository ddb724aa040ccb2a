"""Gradient accumulation: a batch that doesn't fit in memory is processed as several microbatches, one by one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from sagan_tf.training.state import Values, read_values, write_values
from sagan_tf.training.strategy import StrategyError


def accumulate(
    run: Callable[..., Any], batch: Sequence[tf.Tensor | None], count: int, non_trainable: Mapping[str, tf.Variable]
) -> Any:
    """Sums run(first, *rows) over `count` microbatches.

    run: takes whether this is the first microbatch (a Python bool, for what must be counted once) and the microbatch,
      tensors (b/count,...); returns nested floats.
    batch: tensors (b,...), split into `count` equal parts; None is passed on.
    non_trainable: the variables that a forward pass updates. Every pass starts from the values before the first; at the
      end they take the mean of the passes' results. For spectral norm's u that is exactly one power iteration, as with
      the whole batch; for batch norm, one step of the moving averages toward the mean of the microbatches' means and
      the mean of their variances.

    The result differs from the whole batch's in two ways: batch norm normalizes each microbatch by its own moments
    (over all replicas, if `cross_replica`), and the mean of the variances lacks the variance between the microbatches'
    means. (BigGAN-PyTorch does the same, but updates its statistics and G's u once per microbatch.) Without batch norm
    the sum is exact.

    The microbatches are unrolled, so that the graph grows with `count`: replicas can't reduce inside a loop, and in a
    loop within the loop over steps TensorFlow's graph optimizer failed at SAGAN-128's size (AlreadyExistsError:
    tmp_var).
    """
    if count == 1:
        return run(True, *batch)
    before = read_values(non_trainable)

    def run_microbatch(number: int, first: bool) -> tuple[Any, Values]:
        write_values(non_trainable, before)
        return run(first, *(_rows(part, number, count) for part in batch)), read_values(non_trainable)

    total = run_microbatch(0, True)
    for number in range(1, count):
        with tf.control_dependencies(tf.nest.flatten(total)):  # otherwise all run at once, and are in memory at once
            total = tf.nest.map_structure(tf.add, total, run_microbatch(number, False))
    result, sums = total
    write_values(non_trainable, {name: value / count for name, value in sums.items()})
    return result


def _rows(part: tf.Tensor | None, number: int, count: int) -> tf.Tensor | None:
    """The rows of one microbatch: (b,...) -> (b/count,...)."""
    if part is None:
        return None
    size = part.shape[0] // count
    rest = part.shape[1:]
    return tf.slice(part, [number * size, *[0] * rest.rank], [size, *rest])


def check_accumulation(accumulation: int, batch_size: int, replicas: int) -> None:
    """Checks that the microbatches are of equal size.

    Raises:
      StrategyError: if a replica's share of the batch is not divisible by the number of microbatches.
    """
    if batch_size % (replicas * accumulation):
        raise StrategyError(
            f"batch_size must be divisible by replicas times train.accumulation; received batch_size={batch_size} for "
            f"{replicas} replica(s) and train.accumulation={accumulation}. Use a multiple of {replicas * accumulation}."
        )
