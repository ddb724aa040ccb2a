"""Gradient accumulation against the whole batch."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import batch_norm
from sagan_tf.objectives.augmentation import AdaptiveAugmentation
from sagan_tf.objectives.lecam import LeCam
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.accumulation import check_accumulation
from sagan_tf.training.discriminator_update import DiscriminatorUpdate
from sagan_tf.training.strategy import StrategyError
from tests.closeness import LAYER, ROUNDING, assert_close

EVERYTHING = Objective(r1=0.5, dropout=0.3, orthogonal=1e-2)


@pytest.fixture
def no_moments(monkeypatch):
    """Batch norm without moments, so that the rows of a batch don't depend on one another."""
    monkeypatch.setattr(batch_norm, "local_moments", lambda x: (tf.zeros(x.shape[-1]), tf.ones(x.shape[-1])))


def test_microbatches_are_the_whole_batch_where_no_norm_ties_rows_together(no_moments, smooth, tiny):
    """Covers every penalty, dropout, u, slots and the average, over two steps. Compiled ones follow below."""
    whole, parts = tiny.make(), tiny.make()
    start = tiny.values(whole)
    for number in (0, 1):
        expected = tiny.step(whole, EVERYTHING, number=number)
        found = tiny.step(parts, EVERYTHING, number=number, microbatches=tiny.batch)
    tiny.assert_logs_equal(found, expected)
    tiny.assert_equal(whole, parts)
    moved = [np.abs(v - start[n]).max() for n, v in tiny.values(whole).items() if n.endswith("kernel")]
    assert max(moved) > 1e-3


def test_two_replicas_with_two_microbatches_each_are_the_whole_batch_and_skip_a_bad_one_together(
    no_moments, smooth, mirrored, tiny
):
    """Two good steps with augmentation, whose strength the first one raises, and LeCam.

    The last image of the third batch is bad; only the second replica has it, in its second microbatch.
    """
    lecam = LeCam(start=1)
    augmentation = AdaptiveAugmentation(strength=0.5, target=-0.9, ramp_images=80, interval=2)
    whole, replicas = (tiny.make(strategy=s, augmentation=augmentation, lecam=lecam) for s in (None, mirrored))
    objective = Objective(dropout=0.3, lecam=lecam)
    expected = [tiny.step(whole, objective, number=n) for n in range(2)][1]
    x, y = tiny.images()
    x[2, -1, 3, 3, 0] = np.nan
    steps = tiny.compiled(replicas, objective, mirrored, microbatches=2)
    iterator = tiny.batches((x, y), mirrored)
    tiny.assert_logs_equal([tiny.call(steps, iterator) for _ in range(2)][1], expected)
    whole.step.assign(2)
    tiny.assert_equal(whole, replicas)
    for name in ("augmentation.strength", "augmentation.signs", "augmentation.images"):
        assert float(tiny.values(replicas)[name]) == float(tiny.values(whole)[name])

    before = tiny.values(replicas)
    logs = tiny.call(steps, iterator)
    assert (logs["skipped"], steps.tensor_names[int(logs["bad_tensor"])]) == (1, "d_loss")
    for name, variable in replicas.variables().items():
        first, second = (v.numpy() for v in mirrored.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second, err_msg=name)
        assert np.isfinite(first).all(), name
        if name.startswith("d"):  # D and its slots are as before
            np.testing.assert_array_equal(first, before[name], err_msg=name)
    for group in ("generator.to_rgb", "average.to_rgb", "g_optimizer.v.to_rgb"):  # G's own update was good
        after = replicas.variables()[f"{group}.layer.kernel"].numpy()
        assert np.abs(after - before[f"{group}.layer.kernel"]).max() > 0


def test_statistics_take_the_mean_of_the_microbatches_moments_and_u_moves_once(tiny):
    """G's first norm sees the output of the dense layer, which no norm precedes, so that its moments are known."""
    gan, whole = tiny.make(), tiny.make()
    x, y = (tf.constant(a[0]) for a in tiny.images())
    fakes = tiny.draw()(tf.constant(0, tf.int64), 0)
    halves = gan.generator.dense(fakes[0]).numpy().reshape(2, tiny.batch // 2 * 16, -1)
    for made, microbatches in ((gan, 2), (whole, 1)):
        DiscriminatorUpdate(made, Objective(), microbatches=microbatches)((x, y), fakes, tf.constant(1))
    found, expected = tiny.values(gan), tiny.values(whole)
    statistics = "generator.blocks.0.norm_1.statistics."
    assert_close(found[statistics + "moving_mean"], 0.001 * halves.mean((0, 1)), relative=LAYER)
    variance = 0.999 + 0.001 * halves.var(1).mean(0)
    assert_close(found[statistics + "moving_variance"], variance, relative=ROUNDING)
    for name in (n for n in found if n.endswith(".u")):
        assert_close(found[name], expected[name], relative=LAYER, name=name)


def test_a_batch_that_can_not_be_cut_is_refused():
    check_accumulation(4, 16, 2)
    with pytest.raises(StrategyError, match=r"batch_size=12 for 2 replica.*accumulation=4. Use a multiple of 8"):
        check_accumulation(4, 12, 2)
