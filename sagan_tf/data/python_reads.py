"""Python functions in a tf.data pipeline, which must have stopped before the interpreter exits.

TensorFlow calls them from its own threads, ahead of the consumer. If a pipeline is still alive when Python exits, such
a thread waits for the interpreter while the interpreter waits for the thread, and the process hangs (with TensorFlow
2.21, in two of three tries). Therefore, at exit, further calls are made to fail, and running ones are waited for.
"""

import atexit
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import tensorflow as tf

from sagan_tf.data.source import DataError

# The checks of labels (pipeline.py) and of record files (records.py), as TensorFlow reports them among other text.
_CHECK = re.compile(
    r"assertion failed: \[(A (?:label of|record file must) .*?(?:Check the data set.{1,2}s labels|Restore the file)\.)",
    re.DOTALL,
)
_LOSS = re.compile(r"(?:corrupted|truncated) record at [^\[\n]*")  # by TensorFlow's reader
_failed: list[DataError] = []  # raised by reads and not yet reported to a consumer; the newest last
_ending = threading.Event()
_calls = 0  # calls begun so far; only compared with earlier values of itself


def python_read(function: Callable, index: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A node of a tf.data pipeline: `function` of the NumPy value of `index`, an array of `dtype`."""

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
    """The error of the last failed read, returned once; TensorFlow reports it as an OpError with a page of text."""
    return _failed.pop() if _failed else None


def failed_check(error: tf.errors.OpError) -> DataError | None:
    """The sentence of a check inside a pipeline that failed, as an error of ours; None for any other error."""
    if found := _CHECK.search(str(error)):
        return DataError(found[1].replace("] [", " ").replace("\\'", "'"))
    if isinstance(error, tf.errors.DataLossError) and (found := _LOSS.search(str(error))):
        return DataError(f"Every record file must be intact; received one with a {found[0].strip()}. Restore the file.")
    return None


def with_plain_errors(rows: Iterable) -> Iterator:
    """Yields the rows of a pipeline.

    Raises:
      DataError: instead of TensorFlow's error, if a read or a check failed.
    """
    _failed.clear()
    try:
        yield from rows
    except tf.errors.OpError as error:
        raise (failed_read() or failed_check(error) or error) from error


@atexit.register
def _stop_calls(patience_s: float = 5.0, silence_s: float = 0.05):
    """Returns when no pipeline has made a call for a while: their buffers are full, or their reads have failed."""
    _ending.set()
    deadline, seen = time.monotonic() + patience_s, None
    while _calls and _calls != seen and time.monotonic() < deadline:
        seen = _calls
        time.sleep(silence_s)
