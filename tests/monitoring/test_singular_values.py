"""Singular values against NumPy's, on kernels of known spectra; and that later calls follow kernels that change."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.monitoring import singular_values
from sagan_tf.monitoring.singular_values import Spectra, top_singular_values
from tests.closeness import LAYER, assert_close

RNG = np.random.default_rng(0)


def of_spectrum(rows, columns, values):
    rank = len(values)
    left, right = (np.linalg.qr(RNG.standard_normal((n, rank)))[0] for n in (rows, columns))
    return ((left * values) @ right.T).astype(np.float32)


def measured(matrix, calls=1):
    spectra = Spectra({"w": tf.Variable(matrix)})
    return [spectra()["w"] for _ in range(calls)][-1]


@pytest.mark.parametrize(
    "values",
    [np.arange(1, 129) ** -0.5, np.ones(128), np.r_[50, 49.9, 49.8, np.ones(125)], np.r_[3, 2, 1, np.zeros(125)],
     np.r_[5.0, np.zeros(127)], np.zeros(128)],
    ids=["decaying", "all equal", "three above the rest", "rank three", "rank one", "zero"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(576, 128), (128, 512)])
def test_known_spectra_to_five_digits(values, shape):
    assert_close(measured(of_spectrum(*shape, values)), values[:3], relative=LAYER, floor=1e-30)


def test_a_flat_spectrum_is_exact_after_some_calls_and_never_overestimated():
    matrix = RNG.standard_normal((1024, 256)).astype(np.float32)
    expected = np.linalg.svd(matrix, compute_uv=False)[:3]
    first = np.array(measured(matrix))
    assert np.all(first <= expected * (1 + 1e-5)) and np.all(first >= expected * 0.999)
    assert_close(measured(matrix, calls=3), expected, relative=LAYER)


def test_small_kernels_have_as_many_values_as_they_have():
    assert_close(measured(np.array([[3.0], [4.0]], np.float32)), [5.0], relative=LAYER)
    kernel = RNG.standard_normal((3, 3, 16, 3)).astype(np.float32)
    expected = np.linalg.svd(kernel.reshape(-1, 3), compute_uv=False)
    assert_close(measured(kernel), expected, relative=LAYER)
    assert_close(measured(np.diag([4.0, 1.0, 1.0, 0.5]).astype(np.float32)), [4, 1, 1], relative=LAYER)


def test_a_later_call_follows_a_kernel_that_changed():
    kernel = tf.Variable(of_spectrum(256, 64, np.linspace(2, 1, 64)))
    spectra = Spectra({"w": kernel})
    spectra()
    changed = of_spectrum(256, 64, np.r_[9, 7, 5, np.linspace(2, 1, 61)])
    kernel.assign(changed)
    assert_close(spectra()["w"], [9, 7, 5], relative=LAYER)


def test_kernels_of_all_shapes_are_traced_once():
    shapes = [(64 + 8 * i, 48 + i) for i in range(6)]
    Spectra({str(s): tf.Variable(RNG.standard_normal(s).astype(np.float32)) for s in shapes})()
    assert singular_values._lanczos.experimental_get_tracing_count() == 1


def test_it_compiles_under_xla(monkeypatch):
    monkeypatch.setattr(singular_values, "_DEPTH", 2)  # the same operations; compiling eight rounds of them takes long
    matrix = of_spectrum(96, 64, np.r_[5, 4, 3, np.ones(61)])
    start = np.linalg.qr(RNG.standard_normal((64, 4)))[0].astype(np.float32)
    compiled = tf.function(top_singular_values, jit_compile=True)
    assert_close(compiled(tf.constant(matrix), tf.constant(start))[0], [5, 4, 3], relative=LAYER)
