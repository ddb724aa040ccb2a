"""Adam against numpy, and the loss scale of float16: its path, its division, and a step beyond its range."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.training.non_finite import FLOAT16_SKIPS
from sagan_tf.training.optimizers import INITIAL_SCALE, LossScale, TwoTimescaleAdam
from tests.closeness import LAYER, assert_close


def test_adam_equals_numpy_over_three_updates():
    options = TwoTimescaleAdam(d_learning_rate=0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3)
    variable = tf.Variable([1.0, -2.0])
    adam = options.discriminator({"w": variable})
    w, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for t, g in enumerate(np.array([[1.0, 2.0], [0.5, -1.0], [-3.0, 0.1]]), start=1):
        adam.apply({"w": tf.constant(g, tf.float32)}, tf.constant(t))
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
        w = w - 0.1 * np.sqrt(1 - 0.9**t) / (1 - 0.5**t) * m / (np.sqrt(v) + 1e-3)
        assert_close(variable, w, relative=LAYER)
    assert set(adam.slots()) == {"m.w", "v.w"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"g_learning_rate": "1e-4"}, "g_learning_rate must be a number above 0; received g_learning_rate='1e-4'"),
        ({"d_learning_rate": 0.0}, "d_learning_rate must be a number above 0"),
        ({"beta_2": 1.0}, r"beta_2 must be a number in \[0, 1\)"),
        ({"decay_from": 5}, "decay_from and decay_to must be given together"),
        ({"decay_from": 5, "decay_to": 5}, "received decay_from=5, decay_to=5"),
    ],
)
def test_wrong_types_and_ranges_are_refused_at_construction(change, message):
    with pytest.raises(ValueError, match=message):
        TwoTimescaleAdam(**change)


def test_it_doubles_after_so_many_good_updates_and_halves_down_to_one_after_each_bad():
    scale = LossScale(initial=4.0, growth_every=2)
    path = []
    for ok in (True, True, True, False, True, False, False, False, True):
        scale.update(tf.constant(ok))
        path.append(tuple(int(v) for v in scale.variables().values()))
    assert path == [
        (4, 1, 0), (8, 0, 0), (8, 1, 0), (4, 0, 1), (4, 1, 1), (2, 0, 2), (1, 0, 3), (1, 0, 4), (1, 1, 4),
    ]  # fmt: skip


def test_the_scale_stays_within_the_skips_that_bring_it_down_to_one():
    """With gradients of zero every update is good, however large the scale is."""
    scale = LossScale(growth_every=1)
    for _ in range(200):
        scale.update(tf.constant(True))
    assert float(scale.scale) == 2.0**24 < 2.0**FLOAT16_SKIPS


def in_float16(tiny, **options):
    """A GAN in float16 whose loss scale fits; with the initial one, the first steps would search for it."""
    gan = tiny.make(precision="float16", **options)
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert float(optimizer.loss_scale.scale) == INITIAL_SCALE
        optimizer.loss_scale.scale.assign(256.0)
    return gan


def test_float16_updates_are_float32s_to_its_precision(tiny, smooth):
    half, full = in_float16(tiny), tiny.make()
    start = tiny.values(full)
    logs = tiny.step(half), tiny.step(full)
    assert logs[0]["skipped"] == 0 and logs[0]["g_loss_scale"] == logs[0]["d_loss_scale"] == 256
    for name in ("d_gradient_norm", "g_gradient_norm", "d_loss"):
        np.testing.assert_allclose(logs[0][name], logs[1][name], rtol=0.02, err_msg=name)
    name = "discriminator.blocks.0.conv_2.layer.kernel"
    moved = [tiny.values(gan)[name] - start[name] for gan in (half, full)]
    assert np.linalg.norm(moved[0] - moved[1]) < 0.05 * np.linalg.norm(moved[1])
    state = {n for n in half.variables() if "loss_scale" in n}
    assert state == {f"{a}_optimizer.loss_scale.{b}" for a in "gd" for b in ("scale", "good", "skipped")}
    assert not [n for n in full.variables() if "loss_scale" in n]


def test_beyond_its_range_the_update_is_skipped_the_scale_halves_and_adam_does_not_count_it(tiny):
    """With beta_1 = 0 Adam's first counted update is lr sign(g), no matter how many were skipped before."""
    gan = in_float16(tiny, optimizer=TwoTimescaleAdam(d_learning_rate=0.01, g_learning_rate=0.01))
    gan.d_optimizer.loss_scale.scale.assign(2.0**60)
    start = tiny.values(gan)
    logs = tiny.step(gan)
    after = tiny.values(gan)
    assert logs["skipped"] == 1 and logs["d_loss_scale"] == 2.0**59 and logs["g_loss_scale"] == 256
    for name in gan.d_variables:
        np.testing.assert_array_equal(after[f"discriminator.{name}"], start[f"discriminator.{name}"], err_msg=name)
    gan.d_optimizer.loss_scale.scale.assign(256.0)
    tiny.step(gan, number=1)
    kernel = "discriminator.head.dense.layer.kernel"
    np.testing.assert_allclose(np.abs(tiny.values(gan)[kernel] - after[kernel]), 0.01, rtol=1e-3)


def test_rates_warm_up_linearly_each_over_its_own_steps(tiny):
    options = TwoTimescaleAdam(g_learning_rate=0.01, d_learning_rate=0.02, d_warmup=4, decay_from=6, decay_to=10)
    gan = tiny.make(optimizer=options)
    steps = [tf.constant(step, tf.int64) for step in (0, 1, 3, 5, 8)]
    np.testing.assert_allclose([gan.d_optimizer.rate_factor(step) for step in steps], [0.25, 0.5, 1.0, 1.0, 0.5])
    np.testing.assert_allclose([gan.g_optimizer.rate_factor(step) for step in steps], [1.0, 1.0, 1.0, 1.0, 0.5])
    logs = tiny.step(gan, number=1)
    np.testing.assert_allclose((logs["g_learning_rate"], logs["d_learning_rate"]), (0.01, 0.01))
    with pytest.raises(ValueError, match="g_warmup must be an integer of at least 0, or None; received g_warmup=-1"):
        TwoTimescaleAdam(g_warmup=-1)
