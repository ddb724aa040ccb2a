"""Orthogonal regularization and R1 against the plain formulas."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models import families
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.parts import Numerics
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.penalties import orthogonal, r1, squared_gram_norm
from sagan_tf.objectives.sigma_control import SigmaControl
from tests.closeness import LAYER, ROUNDING, assert_close, assert_each_close

RNG = np.random.default_rng(0)
WIDE, TALL = (RNG.normal(size=shape).astype(np.float32) for shape in ((4, 9), (3, 3, 2, 5)))


def plain(kernel, form):
    """Eq. 2 and 3 with the Gram matrix of the filters written out."""
    w = tf.reshape(kernel, [-1, kernel.shape[-1]])
    gram, eye = tf.matmul(w, w, transpose_a=True), tf.eye(kernel.shape[-1])
    return tf.reduce_sum((gram * (1 - eye) if form == "off_diagonal" else gram - eye) ** 2)


@pytest.mark.parametrize("form", ["off_diagonal", "identity"])
@pytest.mark.parametrize("kernel", [WIDE, TALL], ids=["wide", "tall"])
def test_orthogonal_is_the_plain_formula_and_so_is_its_gradient(kernel, form):
    kernel = tf.constant(kernel)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(kernel)
        ours, theirs = orthogonal([kernel], form), plain(kernel, form)
    assert_close(ours, theirs, relative=LAYER)
    assert_close(tape.gradient(ours, kernel), tape.gradient(theirs, kernel), relative=LAYER)


@pytest.mark.parametrize("run", ["eager", "graph", "xla"])
@pytest.mark.parametrize("w", [WIDE, WIDE.T, WIDE[:, :4]], ids=["wide", "tall", "square"])
def test_the_gram_norms_gradients_are_automatic_ones_with_one_product(w, run):
    def differentiated(function):
        def both(w):
            with tf.GradientTape() as outer:
                outer.watch(w)
                with tf.GradientTape() as inner:
                    inner.watch(w)
                    value = function(w)
                first = inner.gradient(value, w, tf.constant(0.5))
                square = tf.reduce_sum(first**2)
            return value, first, outer.gradient(square, w)

        return both if run == "eager" else tf.function(both, jit_compile=run == "xla")

    automatic = differentiated(lambda w: tf.reduce_sum(tf.matmul(w, w, transpose_a=True) ** 2))
    assert_each_close(differentiated(squared_gram_norm)(tf.constant(w)), automatic(tf.constant(w)), relative=LAYER)
    with tf.Graph().as_default() as graph:
        kernel = tf.compat.v1.placeholder(tf.float32, w.shape)
        tf.gradients(squared_gram_norm(kernel), kernel)
    assert sum(op.type == "MatMul" for op in graph.get_operations()) == 2


def test_orthogonal_kernels_have_no_penalty_and_kernels_add_up():
    q = np.linalg.qr(RNG.normal(size=(18, 5)))[0].reshape(3, 3, 2, 5).astype(np.float32)
    assert_close(orthogonal([q, q], "identity"), 0, relative=LAYER, floor=2 * 5)
    assert_close(orthogonal([3 * q], "off_diagonal"), 0, relative=LAYER, floor=5 * 9.0**2)
    assert_close(orthogonal([3 * q, q], "identity"), 5 * 8.0**2, relative=LAYER)


def test_the_gram_matrix_of_a_wide_kernel_is_never_formed():
    wide = tf.function(lambda: orthogonal([tf.ones([20, 24_576])])).get_concrete_function()
    largest = max(out.shape.num_elements() for op in wide.graph.get_operations() for out in op.outputs)
    assert largest == 20 * 24_576


def test_r1_of_a_linear_discriminator_is_half_its_squared_weights():
    assert_close(r1(tf.fill([3, 4, 4, 2], 0.5)), 0.5 * 32 * 0.25, relative=ROUNDING)


@pytest.mark.parametrize("scale", [1.0, 2.0**-4])
def test_r1_does_not_underflow_in_float16_at_128_px(scale):
    """The inner gradient of a spectrally normalized D at the start, and one that is 16 times smaller."""
    spec = families.sagan(128, width=8, attention=()).with_classes(2)
    images = tf.image.resize(tf.random.stateless_uniform([2, 16, 16, 3], [1, 2], -1, 1), (128, 128))

    def penalty(precision):
        discriminator = Discriminator(spec, numerics=Numerics(precision=precision), seed=1)
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = scale * discriminator(images, tf.constant([0, 1])).logits
        return r1(tape.gradient(logits, images))

    assert_close(penalty("float16"), penalty("float32"), relative=0.01)


def test_the_objective_adds_its_kernel_terms_with_their_strengths():
    kernels = [tf.Variable(WIDE), tf.Variable(TALL)]
    np.testing.assert_array_equal(Objective().on_kernels(kernels), 0)
    expected = 1e-4 * sum(plain(tf.constant(k), "off_diagonal") for k in (WIDE, TALL))
    assert_close(Objective(orthogonal=1e-4).on_kernels(kernels), expected, relative=LAYER)
    both = Objective(orthogonal=1e-4, sigma=SigmaControl(mode="regularized", value=1.0))
    assert both.on_kernels(kernels) > expected and not both.clamps and Objective(sigma=SigmaControl(value=1.0)).clamps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Objective(r1=-1.0), "r1 must not be negative"),
        (lambda: Objective(dropout=1.0), r"dropout must be in \[0, 1\)"),
        (lambda: Objective(orthogonal_form="eq3"), "orthogonal_form must be"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
