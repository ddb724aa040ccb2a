"""`train --dry_run`: every part once, no trace, and arithmetic that adds up."""

import sys
from pathlib import Path

import pytest

from sagan_tf import experiment, train
from sagan_tf.runs import dry_run
from sagan_tf.runs.dry_run import DryRunResult

TINY = [
    "families.sagan.width=8", "train.batch_size=4", "train.total_steps=40", "EvaluationOptions.n_samples=200",
    "EvaluationOptions.extractor='dataset'",
]  # fmt: skip
SECONDS = {"build": 3.0, "first_step": 20.0, "step": 2.0, "sheet": 5.0, "checkpoint": 4.0, "evaluation": 0.5}


def settings(*bindings):
    return experiment.load(["gin/quickstart.gin"], [*TINY, *bindings]).value


def tried(**changes):
    return DryRunResult(**{**SECONDS, "checkpoint_bytes": 7_000_000, "peaks": {"process": 9_000_000}, **changes})


def test_the_whole_run_is_the_sum_of_its_parts():
    chosen = settings("train.sample_every=15", "train.checkpoint_every=10", "train.evaluate_every=20")
    assert dry_run.whole_run(tried(), chosen) == {
        "steps": 3 + 20 + 39 * 2,
        "sheets": 3 * 5,
        "checkpoints": 4 * 4,
        "evaluation": 3 * 200 * 0.5,
    }
    never = settings("train.sample_every=0", "train.checkpoint_every=0")
    found = dry_run.whole_run(tried(evaluation=None), never)
    assert found == {"steps": 101, "sheets": 0, "checkpoints": 4, "evaluation": 0}


def test_the_memory_of_the_process_is_left_out_where_the_system_does_not_count_it(tmp_path, monkeypatch):
    assert dry_run.peaks()["process"] > 10**7
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert "process" not in dry_run.peaks()
    assert "Peak memory" not in dry_run.report(tried(peaks={}), settings(), tmp_path)


def test_what_does_not_fit_on_the_disk_is_said(tmp_path):
    text = dry_run.report(tried(checkpoint_bytes=10**15), settings(), tmp_path / "not" / "there")
    assert "That does not fit" in text
    fits = dry_run.report(tried(), settings("train.keep_checkpoints=3"), tmp_path)
    assert "take up to 35 MB" in fits and "does not fit" not in fits and "Peak memory of process: 9 MB" in fits


@pytest.mark.parametrize(
    ("bindings", "evaluation", "count"),
    [
        (["MonitorOptions.every=0", "train.evaluate_every=0"], 0.5, 4),
        (["MonitorOptions.collapse='off'", "train.evaluate_every=9"], 0.5, 5),
        (["train.evaluate_every=9", "train.keep_checkpoints=1"], 0.5, 4),
        (["train.evaluate_every=9"], None, 5),
    ],
)
def test_checkpoints_that_are_kept_apart_take_room_as_well(bindings, evaluation, count):
    assert dry_run.most_checkpoints(tried(evaluation=evaluation), settings(*bindings)) == count


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.6, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3599.8, "1 h 0 min"),
        (7260, "2 h 1 min"),
        (86400 * 24 + 3600 * 7.4, "24 d 7 h"),
    ],
)
def test_durations(seconds, text):
    assert dry_run.duration(seconds) == text


@pytest.mark.usefixtures("run_eagerly")
def test_a_dry_run_leaves_no_trace_and_says_what_it_would_take_from_another_run(
    tmp_path, capsys, monkeypatch, tiny_run
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    networks = ["families.sagan.width=4", "families.sagan.discriminator_width=8", "families.sagan.z_dim=8"]
    arguments = ["--gin_file=gin/quickstart.gin", *(f"--gin_bindings={b}" for b in [*TINY, *networks])]
    arguments += ["--strategy=cpu", f"--init_from={tiny_run}", "--class_map=dots=stripes"]
    assert train.main([*arguments, f"--run_dir={tmp_path / 'run'}", "--dry_run"]) == 0
    out = capsys.readouterr().out
    assert "Dry run of 40 steps at batch 4" in out and "200 images" in out and "The whole run takes about" in out
    assert f"From {tiny_run}, step 4: " in out and "dots (from stripes)" in out
    assert list(Path(tmp_path).iterdir()) == []
