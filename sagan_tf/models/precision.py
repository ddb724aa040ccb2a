"""Whether this processor computes, and trains, convolutions of 16 bits; and how fast.

On a CPU, TensorFlow gives convolutions to oneDNN if the processor has certain instructions (for bfloat16: AVX-512, or
AVX-NE-CONVERT), and to slow kernels of its own if it has not. oneDNN decides by other rules: it has no gradients in
bfloat16 without AVX-512, and an emulator or ONEDNN_MAX_CPU_ISA may hide instructions that TensorFlow sees. The
operation then fails with "could not create a primitive descriptor". Therefore a small convolution is tried, instead of
keeping a list of processors.
"""

import functools
import time

import tensorflow as tf

SIDE, CHANNELS, BATCH = 16, 64, 8  # of the convolution that is timed
SLOW = 2.0  # times float32's time, from which on it is worth saying; timing itself varies by some tens of percent


class PrecisionError(ValueError):
    """This processor can't compute in the precision asked for."""


def check_precision(precision: str, *, trains: bool) -> None:
    """Tries a convolution in `precision`, with its gradients if `trains`; without a GPU or TPU, and once per process.

    Raises:
      PrecisionError: if TensorFlow can't compute it here.
    """
    if precision == "float32" or not _on_cpu():
        return
    if (obstacle := _obstacle(precision, trains)) is not None:
        what = "the gradients of convolutions" if trains and _obstacle(precision, False) is None else "convolutions"
        raise PrecisionError(
            f"Numerics.precision must be 'float32' on this processor, whose TensorFlow does not compute {what} in "
            f"{precision}; received precision={precision!r} ({obstacle}). Set Numerics.precision = 'float32', use a "
            "GPU or TPU, or set the environment variable TF_ENABLE_ONEDNN_OPTS=0 for kernels that are slower."
        )


def slowdown(precision: str) -> float:
    """Time of a convolution and its gradients in `precision` over that in float32; 1 where there is a GPU or TPU."""
    if precision == "float32" or not _on_cpu():
        return 1.0
    with tf.init_scope(), tf.device("CPU:0"):
        return _seconds(tf.as_dtype(precision)) / _seconds(tf.float32)


def precision_note(precision: str) -> str | None:
    """Before training: what to say of a precision that trains here but does not pay, or None.

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
def _obstacle(precision: str, trains: bool) -> str | None:
    """TensorFlow's first line about why it does not compute in this precision, or None if it does."""
    try:
        with tf.init_scope(), tf.device("CPU:0"):
            _convolve(tf.as_dtype(precision), side=4, channels=8, batch=2, trains=trains)
    except tf.errors.OpError as error:
        said = str(error.message).strip().splitlines()[0]
        return said.partition("message: ")[2].partition(",")[0] or said[:200]
    return None


def _convolve(dtype: tf.DType, *, side: int, channels: int, batch: int, trains: bool) -> None:
    x = tf.ones([batch, side, side, channels], dtype)
    kernel = tf.ones([3, 3, channels, channels], dtype)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        out = tf.nn.conv2d(x, kernel, 1, "SAME")
    if trains:
        tape.gradient(out, [x, kernel])


def _seconds(dtype: tf.DType) -> float:
    """The best of three, after one that sets up."""
    found = []
    for _ in range(4):
        start = time.perf_counter()
        _convolve(dtype, side=SIDE, channels=CHANNELS, batch=BATCH, trains=True)
        found.append(time.perf_counter() - start)
    return min(found[1:])


def _on_cpu() -> bool:
    return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))
