"""Expected curves: read, refused, and ranged over the runs."""

import json
import math
from pathlib import Path

import pytest

from sagan_tf import experiment
from sagan_tf.figures.expected_curves import ExpectedCurves, ExpectedCurvesError, extractor_name, records_of_run

PROTOCOL = {"extractor": "classifier", "step": 200, "truncation": None}


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_band_has_the_range_at_the_steps_that_all_runs_have(tmp_path):
    lines = [
        {"run": "seed 0", "step": 400, "fid": 10.0},
        {"run": "seed 0", "step": 200, "fid": 30.0},
        {"run": "seed 1", "step": 200, "fid": 20.0},
        {"run": "seed 1", "step": 400, "fid": 16.0},
        {"run": "seed 1", "step": 600, "fid": 5.0},
    ]
    expected = ExpectedCurves.read(write(tmp_path / "e.jsonl", lines))
    band = expected.band("fid")
    assert (band.steps, band.low, band.mean, band.high) == ([200, 400], [20.0, 10.0], [25.0, 13.0], [30.0, 16.0])
    assert band.label == "expected, 2 runs"
    assert expected.band("is") is None


def test_runs_without_a_common_step_have_no_band(tmp_path):
    lines = [{"run": "a", "step": 1, "fid": 1.0}, {"run": "b", "step": 2, "fid": 1.0}]
    assert ExpectedCurves.read(write(tmp_path / "e.jsonl", lines)).band("fid") is None


def test_a_run_gives_its_metrics_and_the_means_of_its_losses():
    metrics = [
        {"fid": 50.0, "precision": 0.5, "protocol": PROTOCOL},
        {"fid": 40.0, "protocol": PROTOCOL},
        {"fid": 1.0, "protocol": PROTOCOL | {"truncation": 0.5}},
        {"fid": 2.0, "protocol": {"extractor": "classifier", "step": None}},
        {"train_called_real": 0.9, "protocol": {"extractor": "discriminator", "step": 200}},
    ]
    train = [
        {"step": 50, "d_loss": 2.0, "g_loss": 1.0},
        {"step": 100, "d_loss": 1.0, "g_loss": math.nan},
        {"step": 150, "d_loss": 5.0, "g_loss": -1.0},
    ]
    assert records_of_run("seed 3", metrics, train) == [
        {"run": "seed 3", "step": 100, "d_loss": 1.5, "g_loss": 1.0},
        {"run": "seed 3", "step": 200, "fid": 40.0, "extractor": "classifier", "d_loss": 5.0, "g_loss": -1.0},
    ]


def test_a_folders_classifier_is_the_same_wherever_the_folder_lies():
    def name(folder, content):
        return extractor_name(
            {
                "extractor": f"dataset-classifier:folder:{folder}@32",
                "reference_fingerprint": f"folder content={content} min_short_edge=0 Transform(...) 32",
            }
        )

    assert name("/data/a@b", "07b3") == name("/other", "07b3") == "dataset-classifier:folder content=07b3@32"
    assert name("/data/a@b", "07b3") != name("/data/a@b", "07b4")
    assert extractor_name({"extractor": "dataset-classifier:procedural:train@32"}).endswith("procedural:train@32")


@pytest.mark.parametrize(
    "text, match",
    [
        (None, "is missing"),
        ("", "received no line"),
        ('{"run": "a", "step": "1"}\n', "received line 1"),
        ('{"run": "a", "step": 1}\n{"fid": 3}\n', "received line 2"),
        ('{"run": "a", "step": 1, "extractor": ["x"]}\n', "received line 1"),
        ("fid\n{}\n", "one JSON object per line"),
    ],
)
def test_other_files_are_refused(tmp_path, text, match):
    path = tmp_path / "expected.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ExpectedCurvesError, match=match):
        ExpectedCurves.read(path)


@pytest.mark.parametrize(
    "file, more", [("quickstart", ["recall", "long_range_agreement"]), ("fashion_mnist", ["class_accuracy"])]
)
def test_the_stored_curves_reach_the_quickstarts_last_step(file, more):
    root = Path(__file__).parents[2]
    expected = ExpectedCurves.read(root / "benchmarks" / "expected" / f"{file}.jsonl")
    last = experiment.load(["gin/quickstart.gin"], []).value.total_steps
    for name in ("fid", "shape_variety", "d_loss", *more):
        band = expected.band(name)
        assert (band.runs, band.steps[-1]) == (2, last), name
