"""LeCam within training: off without a trace, its averages in the state, exact when resumed."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.lecam import LeCam
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.logit_averages import LogitAverages

OPTIONS = LeCam(weight=2.0, decay=0.5, start=1)
OBJECTIVE = Objective(lecam=OPTIONS)


def test_the_loss_gains_the_term_after_the_start_and_the_averages_follow_ds_logits(tiny):
    gan, plain = tiny.make(lecam=OPTIONS), tiny.make()
    assert plain.logit_averages.variables() == {}
    first, same = tiny.step(gan, OBJECTIVE), tiny.step(plain)
    assert first["d_loss"] == same["d_loss"]  # not yet
    averages = [float(tiny.values(gan)[f"lecam.logits_{side}"]) for side in ("real", "fake")]
    assert averages == pytest.approx([first["logits_real"], first["logits_fake"]])
    second, without = tiny.step(gan, OBJECTIVE, number=1), tiny.step(plain, number=1)
    assert second["d_loss"] > without["d_loss"] + 1e-4
    means = [second["logits_real"], second["logits_fake"]]
    expected = [(before + mean) / 2 for before, mean in zip(averages, means, strict=True)]
    found = [float(tiny.values(gan)[f"lecam.logits_{side}"]) for side in ("real", "fake")]
    assert found == pytest.approx(expected)


def test_an_update_that_was_left_out_leaves_the_averages(tiny):
    averages = LogitAverages(OPTIONS)
    for ok, mean in ((True, 4.0), (False, np.nan), (True, 2.0)):
        averages.follow({"logits_real": tf.constant(mean), "logits_fake": tf.constant(-mean)}, tf.constant(ok), 2)
    assert [float(v) for v in averages.variables().values()] == [2.0, -2.0]  # 0 -> 2 -> 2 -> 2


def test_term_and_averages_start_with_the_same_update_where_float16_skipped_some(tiny):
    gan = tiny.make(precision="float16", lecam=OPTIONS)  # starts after one update
    gan.d_optimizer.loss_scale.scale.assign(256.0)
    gan.g_optimizer.loss_scale.scale.assign(256.0)
    gan.d_optimizer.loss_scale.skipped.assign(1)  # of the first step
    logs = [tiny.step(gan, OBJECTIVE, number=number) for number in (1, 2)]
    before, means = ([one["logits_real"], one["logits_fake"]] for one in logs)
    found = [float(v) for v in gan.logit_averages.variables().values()]
    assert found == pytest.approx([(b + m) / 2 for b, m in zip(before, means, strict=True)], rel=1e-4)


def test_a_resumed_run_goes_on_exactly(tiny, tmp_path):
    gan, other = tiny.make(lecam=OPTIONS), tiny.make(lecam=OPTIONS)
    for number in range(2):
        tiny.step(gan, OBJECTIVE, number=number)
    store = CheckpointStore(tmp_path)
    store.save(gan.variables(), 2)
    store.restore(other.variables())
    assert tiny.step(gan, OBJECTIVE, number=2) == tiny.step(other, OBJECTIVE, number=2)
