"""Python functions inside a tf.data pipeline, which must be silent before the interpreter ends.

TensorFlow calls them from threads of its own, ahead of the consumer. Where a pipeline is still alive when Python ends,
such a thread waits for ever for the interpreter, and the interpreter for the thread: the process hangs instead of
ending (seen with TensorFlow 2.21 in two of three tries). So at exit the calls are made to fail, and waited for.
"""

import atexit
import threading
import time
from collections.abc import Callable

import tensorflow as tf

_ending = threading.Event()
_calls = 0  # that were begun; only ever compared with itself


def python_read(function: Callable, index: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """`function(numpy value of index)` -> an array of `dtype`, as a node of a tf.data pipeline."""

    def call(value):
        global _calls
        _calls += 1
        if _ending.is_set():
            raise StopIteration
        return function(value)

    return tf.numpy_function(call, [index], dtype, stateful=False)


@atexit.register
def _fall_silent(patience_s: float = 5.0, silence_s: float = 0.05):
    """Returns when no pipeline has called for a while: their buffers are full or their reads have failed."""
    _ending.set()
    deadline, seen = time.monotonic() + patience_s, None
    while _calls and _calls != seen and time.monotonic() < deadline:
        seen = _calls
        time.sleep(silence_s)
