"""The loop's calls, checkpoints, actions and signals, with steps that only count."""

import os
import re
import signal

import pytest
import tensorflow as tf

from sagan_tf.foundation.start_up import StartUp
from sagan_tf.training import loop
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.non_finite import NonFiniteError
from sagan_tf.training.recovery import Safeguards
from sagan_tf.training.state_check import InvalidStateError


class Counter:
    """A fake GAN with a step and one weight."""

    def __init__(self, step=0):
        self.step = tf.Variable(step, dtype=tf.int64)
        self.weight = tf.Variable(1.0)

    def variables(self):
        return {"step": self.step, "weight": self.weight}


class Steps:
    """A fake compiled call. Its logs are finite losses and no skipped step, updated by `logs(step)`."""

    tensor_names = ("d_loss", "gradient of discriminator.head.kernel", "g_loss")

    def __init__(self, gan, before=lambda step: None, logs=lambda step: {}):
        self.gan, self.before, self.logs, self.ends = gan, before, logs, []

    def __call__(self, iterator, n):
        self.before(int(self.gan.step))
        self.gan.step.assign_add(int(n))
        self.ends.append(int(self.gan.step))
        finite = {"d_loss": 1.0, "g_loss": 2.0, "skipped": 0.0, "bad_tensor": -1.0}
        return {k: tf.constant(v) for k, v in (finite | self.logs(self.ends[-1])).items()}


def run(tmp_path, *, gan=None, stop_at=20, steps_per_call=6, actions=(), safeguards=None, start_up=None, **steps):
    gan = gan or Counter()
    calls = Steps(gan, **steps)
    store = CheckpointStore(tmp_path, keep=9)
    pace = loop.Pace(stop_at=stop_at, total_steps=20, steps_per_call=steps_per_call, checkpoint_every=10, batch_size=4)
    finished = loop.train(
        gan, calls, [], pace=pace, store=store, strategy=tf.distribute.get_strategy(), actions=actions,
        safeguards=safeguards, start_up=start_up,
    )  # fmt: skip
    return finished, calls.ends, store.steps()


def test_the_first_call_is_followed_by_what_the_start_took(tmp_path, capsys):
    run(tmp_path, start_up=StartUp())
    assert capsys.readouterr().err.count("From the command to the first steps: 0.") == 1


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


def test_the_end_is_saved_before_an_action_that_stops_the_run(tmp_path):
    def collapsed(step, logs):
        raise RuntimeError("collapsed")

    with pytest.raises(RuntimeError, match="collapsed"):
        run(tmp_path, stop_at=7, actions=[loop.Action(every=100, run=collapsed)])
    assert CheckpointStore(tmp_path).steps() == [7]


def test_resumed_from_the_middle_of_an_interval(tmp_path):
    _, calls, saved = run(tmp_path, gan=Counter(7))
    assert calls == [10, 16, 20] and saved == [10, 20]


def test_an_action_that_reads_a_checkpoint_finds_that_of_its_step(tmp_path):
    found = []
    store = CheckpointStore(tmp_path)
    action = loop.Action(every=8, run=lambda step, _: found.append((step, store.steps()[-1])), reads_checkpoint=True)
    _, _, saved = run(tmp_path, actions=[action])
    assert found == [(8, 8), (16, 16), (20, 20)] and saved == [8, 10, 16, 20]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_after_the_call_and_ends(tmp_path, number, capsys):
    before = signal.getsignal(number)
    finished, calls, saved = run(tmp_path, before=lambda step: os.kill(os.getpid(), number) if step == 6 else None)
    assert not finished and calls == [6, 10] and saved == [10]
    assert signal.getsignal(number) is before
    said = capsys.readouterr().err
    assert len(re.findall(r"\nInterrupted at step (?:6|10): saving once the current steps are done; .*\n", said)) == 1


def test_a_signal_that_ends_an_action_ends_the_run_with_a_checkpoint(tmp_path):
    def evaluate(step, logs):
        raise KeyboardInterrupt

    finished, calls, saved = run(tmp_path, actions=[loop.Action(every=4, run=evaluate)])
    assert not finished and calls == [4] and saved == [4]


def test_after_a_signal_no_evaluation_is_begun(tmp_path):
    """It may take hours, and a preempted process has seconds; the checkpoint for it is there."""
    ran = []
    pictures = loop.Action(every=5, run=lambda step, _: ran.append(("pictures", step)))
    evaluation = loop.Action(every=5, run=lambda step, _: ran.append(("evaluation", step)), reads_checkpoint=True)

    def preempt(step):
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    finished, ends, saved = run(tmp_path, actions=[pictures, evaluation], before=preempt)
    assert not finished and ends[-1] == saved[-1] == 10
    assert ran == [("pictures", 5), ("evaluation", 5), ("pictures", 10)]


def test_a_run_that_is_at_its_end_is_evaluated_after_a_signal_too(tmp_path):
    """It is finished, so that nobody would resume it."""
    ran = []

    def preempt(step):
        if step == 15:
            os.kill(os.getpid(), signal.SIGTERM)

    evaluation = loop.Action(every=5, run=lambda step, _: ran.append(step), reads_checkpoint=True)
    assert run(tmp_path, actions=[evaluation], before=preempt)[0] and ran == [5, 10, 15, 20]


@pytest.mark.parametrize("place", ["bar", "action"])
def test_output_that_nobody_reads_any_more_costs_no_step(tmp_path, monkeypatch, place):
    """As in `train | tee log` when tee ends."""

    def closed(*_, **__):
        raise BrokenPipeError

    if place == "bar":
        monkeypatch.setattr(loop, "_show", closed)
    finished, calls, saved = run(tmp_path, actions=[loop.Action(every=4, run=closed)] if place == "action" else [])
    assert not finished and len(calls) == 1 and saved == calls


def skipping(*at):
    """Logs of calls of one step each, in which the steps `at` left out their update, so that their means are NaN."""
    return lambda step: {"d_loss": float("nan"), "skipped": 1.0, "bad_tensor": 1.0} if step in at else {}


def test_a_step_left_out_stops_before_anything_is_saved_and_names_the_tensor(tmp_path):
    with pytest.raises(NonFiniteError, match=r"gradient of discriminator.head.kernel became .* steps 13 to 13 \(1 of"):
        run(tmp_path, steps_per_call=1, logs=skipping(13))
    assert CheckpointStore(tmp_path).steps() == [10]


def test_so_many_in_a_row_are_passed_over(tmp_path):
    two = Safeguards(skips=2)
    assert run(tmp_path / "a", steps_per_call=1, logs=skipping(3, 4, 6, 7), safeguards=two)[2] == [10, 20]
    with pytest.raises(NonFiniteError, match=r"steps 5 to 5 \(1 of 1 updates were skipped, 3 in a row\)"):
        run(tmp_path / "b", steps_per_call=1, logs=skipping(3, 4, 5), safeguards=two)


def test_the_search_for_float16s_scale_is_no_failure(tmp_path):
    scaled = {"g_loss_scale": 2.0**15}
    logs = lambda step: scaled | (skipping(*range(1, 21))(step))  # noqa: E731
    assert run(tmp_path, steps_per_call=1, logs=logs)[0]


def test_a_loss_that_is_not_finite_without_the_guards_knowing_stops_too(tmp_path):
    with pytest.raises(NonFiniteError, match=r"g_loss became non-finite within the steps 11 to 16"):
        run(tmp_path, logs=lambda step: {"g_loss": float("inf")} if step > 12 else {}, safeguards=Safeguards(skips=9))


def test_a_state_that_is_not_finite_is_never_saved(tmp_path):
    gan = Counter()
    with pytest.raises(InvalidStateError, match=r"step 20 .* weight holds a number that is not finite"):
        run(tmp_path, gan=gan, before=lambda step: gan.weight.assign(float("nan")) if step > 10 else None)
    assert CheckpointStore(tmp_path).steps() == [10]


@pytest.mark.parametrize("change", [{"skips": -1}, {"rollbacks": 1.5}, {"hang_minutes": "60"}])
def test_safeguards_are_checked_at_construction(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Safeguards(**change)
