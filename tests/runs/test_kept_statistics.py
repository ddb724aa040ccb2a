"""Standing statistics are gathered once for each truncation and checkpoint, and kept with the run."""

import shutil

import numpy as np
import pytest

from sagan_tf.foundation import files
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.runs import kept_statistics
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.standing_statistics import StandingStatistics


@pytest.fixture
def run(drawable_run, tmp_path):
    return shutil.copytree(drawable_run, tmp_path / "run", ignore=shutil.ignore_patterns(kept_statistics.FOLDER))


def counted(monkeypatch, gathered):
    """The thresholds for which the function is called in place of StandingStatistics.gathered, call by call."""
    calls = []

    def count(self, generator, thresholds):
        calls.append(list(thresholds))
        return gathered(self, generator, thresholds)

    monkeypatch.setattr(StandingStatistics, "gathered", count)
    return calls


@pytest.fixture
def gatherings(monkeypatch):
    """The thresholds that were gathered; what stands in for the statistics is the network's own."""

    def own(self, generator, thresholds):
        values = {name: v.numpy() for name, v in named_variables(generator).items() if ".statistics." in name}
        return [values for _ in thresholds]

    return counted(monkeypatch, own)


def statistics(run, *thresholds, passes=2, mode="resampled", **options):
    return TrainedModel(run, standing_passes=passes, **options).standing_statistics(thresholds, mode)


def test_they_are_gathered_once_and_equal_to_the_bit_afterwards(run, monkeypatch):
    gatherings = counted(monkeypatch, StandingStatistics.gathered)
    (first,) = statistics(run, 0.5)
    again, other = statistics(run, 0.5, 2.0)
    assert gatherings == [[0.5], [2.0]] and set(again) == set(first)
    for name, value in first.items():
        np.testing.assert_array_equal(again[name], value)
        assert again[name].dtype == value.dtype
    assert any(np.abs(other[name] - first[name]).max() > 0 for name in first)


@pytest.mark.parametrize("changed", [{"passes": 3}, {"mode": "scaled"}, {"average": False}])
def test_they_are_of_one_number_of_passes_mode_and_weights(run, gatherings, changed):
    statistics(run, 0.5)
    statistics(run, 0.5, **changed)
    assert gatherings == [[0.5], [0.5]]


def test_they_are_of_the_classes_of_the_data(run, gatherings, monkeypatch):
    statistics(run, 0.5)
    model = TrainedModel(run, standing_passes=2)
    model.class_names = model.class_names[:5]
    model.standing_statistics([0.5])
    assert gatherings == [[0.5], [0.5]]


def test_another_checkpoint_of_the_same_step_or_a_damaged_file_has_none(run, gatherings, monkeypatch):
    statistics(run, 0.5)
    (kept,) = (run / kept_statistics.FOLDER).iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    statistics(run, 0.5)
    manifest = next((run / "checkpoints").glob("step-*/manifest.json"))
    manifest.write_text(manifest.read_text() + " ")
    statistics(run, 0.5)
    statistics(run, 0.5)
    assert gatherings == [[0.5]] * 3


def test_those_of_a_checkpoint_that_is_gone_are_removed(run, gatherings):
    statistics(run, 0.5)
    (kept,) = (run / kept_statistics.FOLDER).iterdir()
    old = kept.rename(kept.with_name(kept.name.replace("step-00000003", "step-00000001")))
    statistics(run, 2.0)
    assert not old.exists() and len(list(kept.parent.iterdir())) == 1


def test_a_run_that_cannot_be_written_is_a_note(run, gatherings, monkeypatch, capsys):
    monkeypatch.setattr(files, "_noted", set())
    (run / kept_statistics.FOLDER).write_text("a file in its place")
    statistics(run, 0.5)
    assert "] the run's standing statistics could not be written" in capsys.readouterr().err


def test_a_loaded_model_gathers_them_though_its_checkpoint_has_been_removed(run, gatherings):
    model = TrainedModel(run, standing_passes=2)
    shutil.rmtree(run / "checkpoints")
    assert model.standing_statistics([0.5]) and gatherings == [[0.5]]
