"""How far two computations of the same numbers may lie apart.

Two kernels, batches, replicas or threads sum the same terms in different orders, and processors differ in how many
terms they hold in one register. The rounding error of a sum is a share of the terms that went into it and not of their
result, which may cancel: an entry near zero of a large tensor is no more precise than its largest entry. Tensors are
therefore compared by max |actual - expected| relative to max |expected|.

With the unit roundoff u (2^-24 = 6.0e-8 in float32), a sum of n terms is off by at most n u and typically by sqrt(n) u
relative to the sum of the terms' magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section
4.2). The networks of the tests sum up to 9 * 64 terms for an output and up to 4 * 32 * 32 for a kernel gradient:

    FLOAT64  1e-11  the same in float64, where u = 1.1e-16: the margin costs nothing.
    ROUNDING  4e-6  one elementwise expression, or a sum of a few terms: some ten roundings.
    LAYER     1e-5  one layer or product, forward or backward: sqrt(4096) u = 4e-6, and its input is rounded too.
    NETWORK   1e-4  a network of some ten layers with normalization, its gradients, or a few steps of training: every
                    layer adds its own error and passes on those before it.

Dropping one term of such a sum, or a factor that is wrong by a percent, changes the result by 1e-3 or more. For
bfloat16 (8 bits of significand, u = 2^-9 = 2.0e-3) and float16 (11 bits, u = 2^-12 = 2.4e-4) a layer's output and its
terms are rounded to the type, while the sums are held in float32: `half_precision` gives their bounds.

No such bound holds for gradients through ReLU or max pooling, which jump: one unit whose input is 8e-7 on one processor
and -1e-7 on another changes entries of kernel gradients by a thousandth of the largest. The fixture `smooth` of
conftest.py replaces both by smooth functions wherever gradients, or weights that followed them, are compared.

Set CLOSENESS_LOG to the path of a file to append one line per comparison: the share of the bound used, and the test.
"""

import os

import numpy as np
import tensorflow as tf

FLOAT64 = 1e-11
ROUNDING = 4e-6
LAYER = 1e-5
NETWORK = 1e-4


def half_precision(dtype: tf.DType, *, layers: int = 1) -> float:
    """The bound for `layers` layers computed in bfloat16 or float16, each with four roundings to the type."""
    roundoff = {tf.bfloat16: 2.0**-9, tf.float16: 2.0**-12}[tf.as_dtype(dtype)]
    return 4 * layers * roundoff


def assert_close(actual, expected, *, relative: float, floor: float = 0.0, name: str = "") -> None:
    """Asserts that max |actual - expected| <= relative * max(max |expected|, floor).

    actual, expected: arrays or tensors of the same shape. floor: the magnitude of the terms that cancel, for a tensor
    which is zero by construction, such as the gradient of a bias before batch norm. name: of the tensor, in messages.
    """
    actual, expected = (np.asarray(tf.convert_to_tensor(x)).astype(np.float64) for x in (actual, expected))
    assert actual.shape == expected.shape, f"{name}: shape {actual.shape} instead of {expected.shape}"
    if not actual.size:
        return
    scale = max(np.abs(expected).max(), floor)
    difference = np.abs(actual - expected)
    worst = np.unravel_index(np.argmax(difference), difference.shape)
    _record(difference[worst], relative * scale, name)
    assert difference[worst] <= relative * scale, (
        f"{name or 'tensors'} differ by {difference[worst]:.3g} at {tuple(map(int, worst))} "
        f"({actual[worst]:.9g} instead of {expected[worst]:.9g}); allowed are {relative:g} of {scale:.3g}"
    )


def assert_each_close(actual, expected, *, relative: float, floor: float = 0.0) -> None:
    """`assert_close` for every tensor of two sequences of equal length, or of two dictionaries with the same names."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        pairs = [(name, actual[name], expected[name]) for name in expected]
    else:
        pairs = [(f"tensor {i}", a, b) for i, (a, b) in enumerate(zip(actual, expected, strict=True))]
    for name, a, b in pairs:
        assert_close(a, b, relative=relative, floor=floor, name=name)


def assert_same_state(found, expected) -> None:
    """Asserts that the variables of two trained GANs, by name, are the same but for rounding.

    A bias before a batch norm has a gradient of zero, the sum of terms like those of the other biases' gradients.
    Adam's m holds gradients and is compared relative to those terms; its v holds their squares, which vanish.
    """
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        floor = 1e-8 if "optimizer.v." in name else 0.05 if "optimizer.m." in name else 1e-3
        assert_close(found[name], value, relative=NETWORK, floor=floor, name=name)


def _record(difference: float, allowed: float, name: str) -> None:
    if path := os.environ.get("CLOSENESS_LOG"):
        share = difference / allowed if allowed else float(difference > 0)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").removesuffix(" (call)")
        with open(path, "a", encoding="utf-8") as log:
            log.write(f"{share:.4f}\t{test}\t{name}\n")
