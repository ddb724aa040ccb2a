"""Whether this processor can compute and train 16-bit convolutions, and how fast.

On a CPU, TensorFlow passes convolutions to oneDNN if the processor has certain instructions (for bfloat16: AVX-512 or
AVX-NE-CONVERT), and otherwise to slow kernels of its own. oneDNN decides by other rules: it has no bfloat16 gradients
without AVX-512, and an emulator or ONEDNN_MAX_CPU_ISA may hide instructions that TensorFlow sees. The operation then
fails with "could not create a primitive descriptor". Therefore a small convolution is tried, instead of keeping a list
of processors.
"""

import functools
import time

import tensorflow as tf

from sagan_tf.foundation.first_line import first_line
from sagan_tf.layers.target_platform import target_platform

SIDE, CHANNELS, BATCH = 16, 64, 8  # shape of the convolution that is timed
SLOW = 2.0  # ratio to float32's time from which the user is warned; the timing itself varies by tens of percent


class PrecisionError(ValueError):
    """This processor can't compute in the requested precision."""


def check_precision(precision: str, *, trains: bool) -> None:
    """Tries a convolution in `precision`, with its gradients if `trains`.

    It is tried once per process, and only if there is no GPU or TPU.

    Raises:
      PrecisionError: if TensorFlow can't compute it on this processor.
    """
    if precision == "float32" or target_platform() != "cpu":
        return
    if (failure := _failure(precision, trains)) is not None:
        operation = "the gradients of convolutions" if trains and _failure(precision, False) is None else "convolutions"
        raise PrecisionError(
            f"Numerics.precision must be 'float32' on this processor, whose TensorFlow does not compute {operation} in "
            f"{precision}; received precision={precision!r} ({failure}). Set Numerics.precision = 'float32', use a "
            "GPU or TPU, or set the environment variable TF_ENABLE_ONEDNN_OPTS=0 for kernels that are slower."
        )


def slowdown(precision: str) -> float:
    """Time of a convolution and its gradients in `precision` over that in float32; 1 where there is a GPU or TPU."""
    if precision == "float32" or target_platform() != "cpu":
        return 1.0
    with tf.init_scope(), tf.device("CPU:0"):
        return _seconds(tf.as_dtype(precision)) / _seconds(tf.float32)


def precision_note(precision: str) -> str | None:
    """A sentence for the user about a precision that trains on this processor but is slow, or None if it is not.

    Raises:
      PrecisionError: if this processor can't train in it.
    """
    check_precision(precision, trains=True)
    if (times := slowdown(precision)) < SLOW:
        return None
    return (
        f"Note: a convolution and its gradients in {precision} took {times:.1f} times as long as in float32 on this "
        "processor, which has no fast instructions for it. Numerics.precision = 'float32' is likely to be faster."
    )


@functools.cache
def _failure(precision: str, trains: bool) -> str | None:
    """The first line of TensorFlow's error in this precision, or None if there is none."""
    try:
        with tf.init_scope(), tf.device("CPU:0"):
            _convolve(tf.as_dtype(precision), side=4, channels=8, batch=2, trains=trains)
    except tf.errors.OpError as error:
        line = first_line(error, most=2000)
        return line.partition("message: ")[2].partition(",")[0] or line[:200]
    return None


def _convolve(dtype: tf.DType, *, side: int, channels: int, batch: int, trains: bool) -> None:
    """Computes a 3x3 convolution in this type, and its gradients if `trains`."""
    x = tf.ones([batch, side, side, channels], dtype)
    kernel = tf.ones([3, 3, channels, channels], dtype)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        out = tf.nn.conv2d(x, kernel, 1, "SAME")
    if trains:
        tape.gradient(out, [x, kernel])


def _seconds(dtype: tf.DType) -> float:
    """The shortest of three timed passes, after one that warms up."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        _convolve(dtype, side=SIDE, channels=CHANNELS, batch=BATCH, trains=True)
        times.append(time.perf_counter() - start)
    return min(times[1:])
