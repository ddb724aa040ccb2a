"""Python functions inside a tf.data pipeline, which must be silent before the interpreter ends.

TensorFlow calls them from threads of its own, ahead of the consumer. Where a pipeline is still alive when Python ends,
such a thread waits for ever for the interpreter, and the interpreter for the thread: the process hangs instead of
ending (seen with TensorFlow 2.21 in two of three tries). So at exit the calls are made to fail, and waited for.
"""

import atexit
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import tensorflow as tf

from sagan_tf.data.source import DataError

_failed: list[DataError] = []  # what reads raised that no consumer has been told yet; the newest last
_ending = threading.Event()
_calls = 0  # that were begun; only ever compared with itself


def python_read(function: Callable, index: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """`function(numpy value of index)` -> an array of `dtype`, as a node of a tf.data pipeline."""

    def call(value):
        global _calls
        _calls += 1
        if _ending.is_set():
            raise StopIteration
        try:
            return function(value)
        except DataError as error:
            _failed[:] = [error]
            raise

    return tf.numpy_function(call, [index], dtype, stateful=False)


def failed_read() -> DataError | None:
    """What went wrong in a read, once: TensorFlow tells its consumer of it in a page of text, as an OpError."""
    return _failed.pop() if _failed else None


def told_plainly(rows: Iterable) -> Iterator:
    """The rows of a pipeline.

    Raises:
      DataError: in place of TensorFlow's error, where a read failed.
    """
    _failed.clear()
    try:
        yield from rows
    except tf.errors.OpError as error:
        raise (failed_read() or error) from error


@atexit.register
def _fall_silent(patience_s: float = 5.0, silence_s: float = 0.05):
    """Returns when no pipeline has called for a while: their buffers are full or their reads have failed."""
    _ending.set()
    deadline, seen = time.monotonic() + patience_s, None
    while _calls and _calls != seen and time.monotonic() < deadline:
        seen = _calls
        time.sleep(silence_s)
