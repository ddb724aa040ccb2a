"""A disk that says no: an output is refused at the start, a cache or a log is a note, and no work is lost."""

import dataclasses
import errno
import os

import numpy as np
import pytest

from sagan_tf import evaluate, export, import_weights, prepare_data, sample, train, visualize
from sagan_tf.evaluation import cache
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.foundation import files
from sagan_tf.monitoring.distances import Distances
from sagan_tf.monitoring.health_records import HealthRecord
from sagan_tf.monitoring.writer import Writer
from sagan_tf.runs import evaluation, measurement, training_actions
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.training.checkpoints import CheckpointStore

TRAIN = ["--gin_file=gin/quickstart.gin", "--data=procedural"]
PROCEDURAL_DATA = "data.procedural.procedural.ProceduralSource.open"
BLOCKED = "FILE/deep/out"  # FILE is a file where a folder must be
# A verb, its flags, and a work of it that must not have begun when the output is refused.
OUTPUTS = {
    "train": (train, [*TRAIN, f"--run_dir={BLOCKED}"], PROCEDURAL_DATA),
    "train in /proc": (train, [*TRAIN, "--run_dir=/proc/run"], PROCEDURAL_DATA),
    "sample --out sheet": (sample, ["--run_dir=RUN", f"--out={BLOCKED}.png"], "runs.sampling.TrainedModel"),
    "sample --out folder": (sample, ["--run_dir=RUN", f"--out={BLOCKED}"], "runs.sampling.TrainedModel"),
    "sample --out is a file": (sample, ["--run_dir=RUN", "--out=FILE"], "runs.sampling.TrainedModel"),
    "sample --npz": (sample, ["--run_dir=RUN", f"--npz={BLOCKED}.npz"], "runs.sampling.TrainedModel"),
    "sample --npz device": (sample, ["--run_dir=RUN", "--npz=/dev/full"], "runs.sampling.TrainedModel"),
    "sample --npz folder": (sample, ["--run_dir=RUN", "--npz=FOLDER"], "runs.sampling.TrainedModel"),
    "evaluate --out": (evaluate, ["--run_dir=RUN", f"--out={BLOCKED}"], "runs.measurement.measure_from_flags"),
    "evaluate --out folder": (evaluate, ["--run_dir=RUN", "--out=FOLDER"], "runs.measurement.measure_from_flags"),
    "evaluate --write_reference": (
        evaluate, ["--run_dir=RUN", f"--write_reference={BLOCKED}.npz"], "runs.measurement.measure_from_flags"
    ),
    "export": (export, ["--run_dir=RUN", f"--out={BLOCKED}"], "runs.export.prepare"),
    "visualize --out": (visualize, ["attention", "--run_dir=RUN", f"--out={BLOCKED}.png"], "runs.pictures._model"),
    "visualize classes": (visualize, ["classes", "--run_dir=RUN", "--out=FILE"], "runs.pictures._model"),
    "visualize --animation": (
        visualize, ["interpolate", "--run_dir=RUN", f"--animation={BLOCKED}.gif"], "runs.pictures._model"
    ),
    "prepare_data": (
        prepare_data, ["--source=procedural", "--resolution=32", f"--out={BLOCKED}"], "runs.data_preparation.write"
    ),
    "import_weights": (
        import_weights,
        [*TRAIN, "--format=biggan_pytorch", "--generator=G.npz", f"--run_dir={BLOCKED}"],
        "runs.weights_import.build_state",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_noted_yet(monkeypatch):
    monkeypatch.setattr(files, "_noted", set())
    monkeypatch.setattr(cache, "_unwritten", {})


@pytest.fixture
def refusing(tmp_path):
    """A place where nothing can be made, whoever asks: root, which tests may be, is held by no permission."""
    (tmp_path / "FILE").write_text("content")
    return tmp_path / "FILE" / "deep"


@pytest.mark.parametrize("case", OUTPUTS)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(case, tiny_run, tmp_path, monkeypatch, capsys):
    verb, flags, work = OUTPUTS[case]
    (tmp_path / "FILE").write_text("content")
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.setattr(f"sagan_tf.{work}", lambda *_, **__: pytest.fail("worked for nothing"))
    places = {"FILE": tmp_path / "FILE", "FOLDER": tmp_path / "FOLDER", "RUN": tiny_run}
    for name, place in places.items():
        flags = [flag.replace(f"={name}", f"={place}") for flag in flags]
    assert verb.main(flags) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    flag, _, path = flags[-1].partition("=")
    assert said.startswith(f"error: {flag} must be a f") and "that can be written; received" in said
    assert f"{flag}={path}" in said and "Choose another location" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["FILE", "FOLDER"]


def test_a_cache_that_cannot_be_written_is_a_note_and_kept_in_memory(refusing, capsys):
    arrays = {"a": np.arange(3.0)}
    for name in ("1.npz", "2.npz"):
        cache.keep_arrays(refusing / name, arrays, what="the cache of classifiers")
        np.testing.assert_array_equal(cache.read_arrays(refusing / name)["a"], [0, 1, 2])
    (note,) = capsys.readouterr().err.splitlines()
    assert "] the cache of classifiers" in note and "SAGAN_TF_CACHE" in note and "continues without it" in note


def test_a_cache_that_can_be_written_is_on_the_disk_alone(tmp_path):
    cache.keep_arrays(tmp_path / "new" / "1.npz", {"a": np.ones(2)}, what="the cache")
    assert (tmp_path / "new" / "1.npz").is_file() and not cache._unwritten


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
def test_every_refusal_of_the_cache_is_a_note(number, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    cache.keep_arrays(tmp_path / "a.npz", {"a": np.ones(1)}, what="the cache")
    assert os.strerror(number) in capsys.readouterr().err and not list(tmp_path.iterdir())


def health_record(step):
    distances = Distances(overall=0.5, within_class=0.5, nearest=0.5, duplicates=0.0)
    return HealthRecord(step=step, d_loss=1.0, g_loss=1.0, distances=distances, spectra={"generator.dense": [2.0]})


def write_all(writer, step):
    writer.scalars(step, {"d_loss": 1.0})
    writer.health(health_record(step))
    writer.image(step, "samples", np.zeros((4, 4, 3), np.uint8))


def test_logs_that_cannot_be_written_are_noted_once_per_kind(refusing, capsys):
    writer = Writer(refusing)
    write_all(writer, 1)
    write_all(writer, 2)
    notes = capsys.readouterr().err.splitlines()
    assert [note[0] + note.partition("]")[2].split(" could not")[0] for note in notes] == [
        "W train.jsonl", "W TensorBoard's events", "W health.jsonl"
    ]  # fmt: skip


def test_logs_go_on_when_there_is_room_again(tmp_path, limited_file_size, capsys):
    writer = Writer(tmp_path)
    write_all(writer, 1)
    with limited_file_size(50):
        write_all(writer, 2)
    write_all(writer, 3)
    assert [line.split(",")[0] for line in (tmp_path / "train.jsonl").read_text().splitlines()] == [
        '{"step": 1', '{"step": 3'
    ]  # fmt: skip
    assert "File too large" in capsys.readouterr().err
    assert len(list((tmp_path / "tensorboard").iterdir())) >= 2  # events go on in a new file


def test_numbers_that_cannot_be_kept_are_noted(refusing, capsys):
    run = RunDirectory(refusing)
    evaluation.record_result(run, EvaluationResult(metrics={"fid": 1.0}, protocol={"step": 3}))
    notes = capsys.readouterr().err
    assert "] metrics.jsonl" in notes and "] TensorBoard's events of an evaluation" in notes


class FullStore(CheckpointStore):
    def keep_apart(self, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(self.folder))


def test_a_best_checkpoint_that_cannot_be_kept_is_noted(tmp_path, capsys):
    training_actions.keep_best(FullStore(tmp_path), 3, 1.0, "fid")
    assert "] checkpoints/best could not be written (No space left on device" in capsys.readouterr().err


def test_a_checkpoint_before_collapse_that_cannot_be_kept_is_noted(tmp_path, capsys):
    (tmp_path / "step-00000001").mkdir()
    seen = dataclasses.replace(health_record(9), signs=("sign",), collapsed=True)
    training_actions.report(seen, [health_record(step) for step in range(1, 9)], FullStore(tmp_path), stop=False)
    said = capsys.readouterr().err
    assert "] checkpoints/before_collapse could not be written" in said and "step 1" in said


def test_the_numbers_are_printed_though_out_cannot_be_written_any_more(tmp_path, monkeypatch, capsys):
    protocol = dict.fromkeys(["extractor", "extractor_hash", "extractor_note", "images", "reference", "seed"], "x")
    result = EvaluationResult(metrics={"fid": 12.5}, protocol={**protocol, "n_real": 1, "n_generated": 1, "step": 3})
    monkeypatch.setattr(measurement, "measure_from_flags", lambda flags: [result])
    assert evaluate.main([f"--run_dir={tmp_path}", "--out=/dev/full"]) == 2
    captured = capsys.readouterr()
    assert "12.5" in captured.out
    assert captured.err.startswith("error: /dev/full could not be written (No space left on device)")
