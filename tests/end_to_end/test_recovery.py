"""What a run does about bad numbers, full disks, hanging calls and other devices; and its best checkpoint."""

import json
import os
import re
import signal
import types

import numpy as np
import pytest
import tensorflow as tf
from small_run import SMALL

from sagan_tf import train
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.runs import build, training, training_actions
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.strategy import create_strategy
from tests.closeness import LAYER, assert_close


def weights(run, step=40):
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step:08d}" / "state"))
    return reader.get_tensor("variables/weights/.ATTRIBUTES/VARIABLE_VALUE")


def gin(binding):
    return f"--gin_bindings={binding}"


def test_a_bad_step_stops_the_run_and_says_where_from_and_how_to_go_on(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPOIL_AT", "17")
    assert small(tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "gradient of weights became non-finite within the steps 16 to 17 (1 of 2 updates were skipped" in error
    assert f"The last good checkpoint is {tmp_path / 'run'}/checkpoints/step-00000015" in error
    assert "Safeguards.rollbacks=1" in error


def test_a_run_goes_back_and_on_with_other_noise_and_does_the_same_after_a_resume(small, tmp_path, monkeypatch, capsys):
    small(tmp_path / "plain")
    monkeypatch.setenv("SPOIL_AT", "17")
    monkeypatch.setenv("SPOIL_TIMES", "2")
    run, other = tmp_path / "run", tmp_path / "other"
    assert small(run, gin("Safeguards.rollbacks=2")) == 0
    assert "returning to the last good checkpoint, rollback 2 of 2" in capsys.readouterr().err
    entries = json.loads((run / "checkpoints" / "rollbacks.json").read_text())
    assert [entry["to"] for entry in entries] == [15, 15] and "gradient of weights" in entries[0]["reason"]
    lines = [json.loads(line)["step"] for line in (run / "train.jsonl").read_text().splitlines()]
    assert lines == [10, 20, 30, 40]

    assert small(other, gin("Safeguards.rollbacks=2"), "--stop_at=30") == 0
    assert small(other, gin("Safeguards.rollbacks=2")) == 0
    np.testing.assert_array_equal(weights(run), weights(other))
    assert np.abs(weights(run) - weights(tmp_path / "plain")).max() > 1e-4


def test_the_largest_seed_can_be_rolled_back(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPOIL_AT", "17")
    assert small(tmp_path / "run", gin("Safeguards.rollbacks=1"), gin("train.seed=36028797018963967")) == 0  # 2^55 - 1
    assert "returning to the last good checkpoint, rollback 1 of 1" in capsys.readouterr().err


def test_so_many_roll_backs_and_no_more(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPOIL_AT", "17")
    monkeypatch.setenv("SPOIL_TIMES", "9")
    assert small(tmp_path / "run", gin("Safeguards.rollbacks=2")) == 2
    assert "after 2 rollback(s)" in capsys.readouterr().err
    monkeypatch.setenv("SPOIL_AT", "3")
    assert small(tmp_path / "early", gin("Safeguards.rollbacks=2")) == 2
    error = capsys.readouterr().err
    assert "There is no checkpoint yet to resume from. Lower the learning rates" in error and "rollbacks=" not in error


def test_a_full_disk_at_a_checkpoint_leaves_the_older_ones_and_the_run_goes_on_when_there_is_room(start, tmp_path):
    run = tmp_path / "run"
    first = start(run, "--stop_at=10", name="first")
    first.join()
    full = start(run, name="full", environment={"FILE_LIMIT": "20000"})
    full.join()
    assert full.exitcode == 2
    said = (tmp_path / "full.log").read_text()
    assert f"error: the checkpoint of step 15 could not be written to {run}/checkpoints" in said
    assert "it needs 0 MB and" in said and "make room and repeat the command" in said
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["step-00000005", "step-00000010"]
    again = start(run, name="again")
    again.join()
    assert again.exitcode == 0 and CheckpointStore(run / "checkpoints").steps()[-1] == 40


def test_a_disk_that_is_full_from_the_start_is_said_and_no_run_is_begun(start, tmp_path):
    run = tmp_path / "run"
    process = start(run, environment={"FILE_LIMIT": "1000"})
    process.join()
    assert process.exitcode == 2 and not run.exists()
    said = (tmp_path / "train.log").read_text()
    assert re.search(rf"error: .*{run}.* \(File too large\)?; \d+ MB are free", said)


def test_a_log_that_cannot_grow_is_a_note_and_does_not_cost_the_training(start, tmp_path):
    """The limit lies above a checkpoint's files and below the log of all steps."""
    run = tmp_path / "run"
    flags = [gin(f"train.{name}") for name in ("log_every=1", "total_steps=400", "steps_per_call=1")]
    process = start(run, *flags, environment={"FILE_LIMIT": "40000"})
    process.join()
    assert process.exitcode == 0 and CheckpointStore(run / "checkpoints").steps()[-1] == 400
    assert re.search(r"^W.*\] .* could not be written \(File too large", (tmp_path / "train.log").read_text(), re.M)


def test_a_call_that_hangs_leaves_with_75_and_everybodys_stacks(start, tmp_path):
    process = start(tmp_path / "run", gin("Safeguards.hang_minutes=0.1"), environment={"HANG_AT": "12"})
    process.join(60)
    assert process.exitcode == 75
    said = (tmp_path / "train.log").read_text()
    assert "error: the call of the steps after 12 must end within 6 s" in said
    assert "small_run.py" in said and "Thread 0x" in said


def test_replicas_come_and_go(small, tmp_path, mirrored, monkeypatch):
    """One, two, one: the same batches and noise, so the same weights but for the order of sums."""
    assert small(tmp_path / "one") == 0
    assert small(tmp_path / "run", "--stop_at=15") == 0
    monkeypatch.setattr(training, "create_strategy", lambda *_, **__: mirrored)
    assert small(tmp_path / "run", "--stop_at=30") == 0
    monkeypatch.setattr(training, "create_strategy", create_strategy)
    assert small(tmp_path / "run") == 0
    assert_close(weights(tmp_path / "run"), weights(tmp_path / "one"), relative=LAYER)


EVALUATED = (gin("train.evaluation=@EvaluationOptions()"), gin("EvaluationOptions.metrics=('fid',)"),
             gin("train.evaluate_every=10"))  # fmt: skip


@pytest.fixture
def evaluate_as(monkeypatch):
    """Replaces the evaluations of a run by a function (run, step) -> FID, which may fail."""

    def replace(fid_of):
        def evaluate_run(run, options, *, examples, step=40):
            fid = fid_of(run, step)
            facts = {"extractor": "stand-in", "step": step, "weights": "raw", "truncation": None}
            result = EvaluationResult(metrics={"fid": fid}, protocol=facts)
            result.append_to(run.path / "metrics.jsonl")
            return result

        monkeypatch.setattr(EvaluationResult, "summary", lambda self: f"fid {self.metrics['fid']}")
        monkeypatch.setattr(training_actions, "evaluate_run", evaluate_run)
        monkeypatch.setattr(training, "evaluate_run", evaluate_run)
        monkeypatch.setattr(training, "check_options", lambda *_, **__: ("fid",))

    return replace


def test_the_best_checkpoint_is_kept_apart_and_can_be_read(small, tmp_path, evaluate_as, capsys):
    fids = {10: 9.0, 20: 4.0, 30: 6.0, 40: float("nan")}
    measured = []

    def fid_of(run, step):
        assert CheckpointStore(run.path / "checkpoints").steps()[-1] == step
        measured.append(step)
        if measured == [10, 20]:
            raise KeyboardInterrupt  # in the middle of an evaluation
        return fids[step]

    evaluate_as(fid_of)
    run = tmp_path / "run"
    flags = [*EVALUATED, gin("train.keep_checkpoints=1")]
    assert small(run, *flags) == 75
    assert small(run, *flags, "--stop_at=20") == 0
    assert small(run, *flags) == 0
    assert measured == [10, 20, 20, 30, 40]
    store = CheckpointStore(run / "checkpoints")
    kept = store.kept("best")
    assert (kept.step, kept.why, kept.score) == (20, "fid", 4.0)
    assert store.steps() == [40] and store.apart("best").steps() == [20]
    best = {"weights": tf.Variable(tf.zeros([3072]))}
    assert RunDirectory(run).checkpoints().apart("best").restore(best) == 20
    assert np.abs(best["weights"].numpy() - weights(run)).max() > 1e-4
    said = capsys.readouterr()
    assert "the best by fid so far: 9 at step 10" in said.err and "step 20, fid 4: checkpoints/best" in said.out


def test_a_run_gets_past_an_evaluation_that_ends_the_process(small, tmp_path, evaluate_as, capsys):
    measured = []

    def fid_of(run, step):
        measured.append(step)
        if step in (20, 40):
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return 1.0

    evaluate_as(fid_of)
    for _ in range(4):
        with pytest.raises(tf.errors.ResourceExhaustedError):
            small(tmp_path / "run", *EVALUATED)
    assert small(tmp_path / "run", *EVALUATED) == 0
    assert measured == [10, 20, 20, 30, 40, 40]
    said = capsys.readouterr().err
    assert said.count("step 20 is skipped") == said.count("step 40 is skipped") == 1


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (("train.evaluate_every=10",), "train.evaluate_every must be 0 without an evaluation"),
        (("train.evaluate_every=10", "train.best_by='fidd'"), "received train.best_by='fidd'"),
        (("Safeguards.rollbacks=-1",), "Safeguards.rollbacks must be a number of at least 0"),
    ],
)
def test_options_are_checked_before_any_work(small, tmp_path, capsys, bindings, message):
    assert small(tmp_path / "run", *(gin(binding) for binding in bindings)) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "run").exists()


def content(run):
    return {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_second_training_is_refused_at_once_and_a_killed_one_does_not_block(start, small, tmp_path, capsys):
    run = tmp_path / "run"
    first = start(run, gin("train.total_steps=100000"), pause=0.1)
    while not CheckpointStore(run / "checkpoints").steps():
        assert first.is_alive()
        first.join(0.02)
    holder = json.loads((run / "training.lock").read_text())
    before = (run / "run.json").read_bytes()
    assert small(run, "--stop_after=1") == 2
    error = capsys.readouterr().err
    assert f"being trained by process {first.pid} on {holder['host']} since {holder['started']}" in error
    assert (run / "run.json").read_bytes() == before
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    assert (run / "training.lock").exists()
    assert small(run, "--stop_after=2") == 0
    assert not (run / "training.lock").exists()
    assert f"total_steps: 100000 in the run, {total(run)} now" in capsys.readouterr().err


def total(run):
    return RunDirectory(run).experiment().total_steps


def test_a_change_that_the_checkpoint_does_not_fit_leaves_every_byte_of_the_run(small, tmp_path, monkeypatch, capsys):
    """The small state stands for networks of another width: its variables have another shape."""
    run = tmp_path / "run"
    assert small(run, "--stop_at=10") == 0
    before = content(run)
    wider = lambda settings, n_classes, strategy: types.SimpleNamespace(  # noqa: E731
        step=tf.Variable(0, dtype=tf.int64),
        variables=lambda: {"step": tf.Variable(0, dtype=tf.int64), "weights": tf.Variable(tf.zeros([settings.seed]))},
    )
    with monkeypatch.context() as patched:
        patched.setattr(build, "build_state", wider)
        for _ in range(2):
            assert small(run, gin("train.seed=7"), "--allow_config_change") == 2
    assert "doesn't fit this configuration: weights has shape (3072,) there" in capsys.readouterr().err
    assert content(run) == before
    assert small(run, "--stop_at=12") == 0


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (("train.table_size=2",), "train.table_size must be at least the data set's 10 classes"),
        (("train.batch_size=6", "train.accumulation=4"), "accumulation"),
        (("ProceduralSource.n_examples=3",), "n_examples=3"),
    ],
)
def test_a_run_that_cannot_be_begun_makes_no_directory(tmp_path, capsys, bindings, message):
    assert train.main([*SMALL, *map(gin, bindings), f"--run_dir={tmp_path / 'runs' / 'run'}"]) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_raised_total_is_what_the_run_says_from_then_on(small, tmp_path):
    run = tmp_path / "run"
    assert small(run) == 0 and total(run) == 40
    assert small(run, gin("train.total_steps=60"), "--stop_after=2") == 0 and total(run) == 60
    assert RunDirectory(run).facts()["history"][0]["step"] == 40
    assert (run / "config-00000040.gin").exists()


def test_a_second_interruption_leaves_with_75_and_the_checkpoints_as_they_were(start, tmp_path):
    run, log = tmp_path / "run", tmp_path / "train.log"
    process = start(run, environment={"HANG_AT": "12"}, name="train")
    while not log.exists() or "hangs at step 12" not in log.read_text():
        assert process.is_alive()
        process.join(0.02)
    os.kill(process.pid, signal.SIGINT)
    while "interrupt again" not in log.read_text():  # though the call under way never ends
        assert process.is_alive()
        process.join(0.02)
    process.join(0.2)
    os.kill(process.pid, signal.SIGINT)
    process.join(10)
    assert process.exitcode == 75
    said = log.read_text()
    assert "Interrupted at step 12: saving" in said and "Interrupted again: exiting without saving" in said
    assert "Traceback" not in said and CheckpointStore(run / "checkpoints").steps() == [5, 10]
