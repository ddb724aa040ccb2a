"""The loop's housekeeping, on a step that only counts."""

import os
import signal

import pytest
import tensorflow as tf

from sagan_tf.training import loop
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.strategy import StrategyError, check_all_reduce, check_batch_size, create_strategy


class Counter:
    """Stands in for the GAN: a step and one weight."""

    def __init__(self, step=0):
        self.step = tf.Variable(step, dtype=tf.int64)

    def variables(self):
        return {"step": self.step}


def run(tmp_path, *, gan=None, stop_at=20, before=lambda step: None, loss=lambda step: 1.0, actions=(), **options):
    gan = gan or Counter()
    calls = []

    def steps(iterator, n):
        before(int(gan.step))
        gan.step.assign_add(int(n))
        calls.append(int(gan.step))
        return {"d_loss": tf.constant(loss(int(gan.step))), "g_loss": tf.constant(2.0)}

    store = CheckpointStore(tmp_path, keep=9)
    settings = {"total_steps": 20, "steps_per_call": 6, "batch_size": 4, "checkpoint_every": 10} | options
    finished = loop.train(gan, steps, [], stop_at=stop_at, store=store, actions=actions, **settings)
    return finished, calls, store.steps()


def test_calls_end_where_something_is_due(tmp_path):
    seen = []
    action = loop.Action(every=4, run=lambda step, logs: seen.append((step, logs["g_loss"])))
    finished, calls, saved = run(tmp_path, actions=[action])
    assert finished and calls == [4, 8, 10, 12, 16, 20]
    assert [step for step, _ in seen] == [4, 8, 12, 16, 20] and saved == [10, 20]


def test_the_end_is_saved_and_shown_even_when_it_is_not_due(tmp_path):
    seen = []
    finished, calls, saved = run(
        tmp_path, stop_at=7, actions=[loop.Action(every=100, run=lambda step, logs: seen.append(step))]
    )
    assert finished and calls == [6, 7] and saved == [7] and seen == [7]


def test_resumed_from_the_middle_of_an_interval(tmp_path):
    _, calls, saved = run(tmp_path, gan=Counter(7))
    assert calls == [10, 16, 20] and saved == [10, 20]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_after_the_call_and_ends(tmp_path, number):
    before = signal.getsignal(number)
    finished, calls, saved = run(tmp_path, before=lambda step: os.kill(os.getpid(), number) if step == 6 else None)
    assert not finished and calls == [6, 10] and saved == [10]
    assert signal.getsignal(number) is before


def test_a_second_signal_acts_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    with pytest.raises(KeyboardInterrupt), loop.Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_a_non_finite_loss_stops_before_anything_is_saved(tmp_path):
    with pytest.raises(loop.NonFiniteError, match=r"d_loss became non-finite .* up to 16.*step-00000010"):
        run(tmp_path, loss=lambda step: float("nan") if step > 12 else 1.0)
    assert CheckpointStore(tmp_path).steps() == [10]


def test_strategies_by_name(mirrored):
    said = []
    assert create_strategy("cpu", say=said.append).num_replicas_in_sync == 1
    assert "1 replica(s)" in said[0] and mirrored.num_replicas_in_sync == 2
    check_all_reduce(mirrored)
    with pytest.raises(StrategyError, match="one of auto, cpu, gpu, mirrored; received strategy='tpus'"):
        create_strategy("tpus")


def test_a_batch_that_replicas_cannot_share_is_refused():
    check_batch_size(8, 2)
    with pytest.raises(StrategyError, match=r"batch_size=9 for 2 replicas\. Use a multiple of 2"):
        check_batch_size(9, 2)
