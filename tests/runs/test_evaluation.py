"""How a run's generator is measured: statistics, truncation, curves, replicas, exports, and going on after a signal."""

import json
import os
import shutil
import signal

import numpy as np
import pytest

import sagan_tf
from sagan_tf import evaluate, experiment, export
from sagan_tf.configuration.gin_config import ConfigError
from sagan_tf.evaluation.activations import ActivationCollector
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.generator import Generator
from sagan_tf.runs import measurement, resumption, truncation_curve
from sagan_tf.runs.evaluation import CheckpointChoice, run_samples
from sagan_tf.runs.run_directory import RunDirectory

pytestmark = pytest.mark.usefixtures("cache", "smallest_ladder")

TINY = [
    "train.spec = @families.sagan()",
    "families.sagan.resolution = 8",
    "families.sagan.attention = ()",
    "families.sagan.width = 2",
    "ProceduralSource.n_examples = 60",
    "train.total_steps = 9",
    "train.evaluation = @EvaluationOptions()",
    "EvaluationOptions.n_samples = 30",
    "EvaluationOptions.standing_passes = 2",
    "EvaluationOptions.batch_size = 8",
]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory, smallest_ladder):
    """A run of a tiny generator that was never trained, with the checkpoint of step 3."""
    loaded = experiment.load(["gin/data/procedural.gin"], TINY)
    run = RunDirectory(tmp_path_factory.mktemp("untrained") / "run")
    resumption.prepare(run, loaded, loaded.value.data.open(8))
    generator = Generator(run.spec(), numerics=loaded.value.numerics)
    run.checkpoints().save({f"generator.{name}": value for name, value in named_variables(generator).items()}, 3)
    return run.path


@pytest.fixture
def run_dir(untrained, tmp_path):
    return shutil.copytree(untrained, tmp_path / "run")


@pytest.fixture
def measure(run_dir, tmp_path, save_stand_in, capsys):
    """Calls the verb on the run: status, its JSON, its messages."""
    save_stand_in(tmp_path / "net")

    def call(*flags):
        status = evaluate.main(
            [f"--run_dir={run_dir}", f"--extractor={tmp_path}/net", "--metrics=fid", "--json", "--strategy=cpu", *flags]
        )
        output = capsys.readouterr()
        return status, json.loads(output.out or "{}"), output.err

    return call


def lines(run_dir):
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


def test_statistics_and_truncation_change_the_number_and_are_told(measure):
    told = {}
    for flags in (
        (),
        ("--statistics=batch",),
        ("--statistics=standing",),
        ("--truncation=0.5",),
        ("--truncation=0.5", "--truncation_mode=scaled", "--statistics=moving"),
    ):
        status, record, _ = measure(*flags)
        p = record["protocol"]
        told[p["statistics"], p["standing_passes"], p["truncation"], p["truncation_mode"]] = record["fid"]
        assert status == 0 and p["step"] == 3 and len(p["weights_hash"]) == 16
    assert list(told) == [
        ("moving", None, None, None),
        ("batch", None, None, None),
        ("standing", 2, None, None),
        ("standing", 2, 0.5, "resampled"),
        ("moving", None, 0.5, "scaled"),
    ]
    assert len(set(told.values())) == 5


def test_the_images_are_those_that_the_loaded_run_draws(untrained):
    run, options = RunDirectory.open(untrained), EvaluationOptions(n_samples=12, truncation=0.5, statistics="moving")
    images, _ = run_samples(run, options, CheckpointChoice())
    ((batch, labels),) = images.batches(0)
    model = sagan_tf.load(untrained, statistics="moving")
    np.testing.assert_array_equal(np.rint((batch + 1) * 127.5), model.images(labels.tolist(), truncation=0.5))
    assert [*labels] == [*range(10), 0, 1]


def test_replicas_share_the_work_and_give_one_devices_numbers(measure, mirrored, monkeypatch):
    monkeypatch.setattr(measurement, "create_strategy", lambda name, say: mirrored if name == "mirrored" else None)
    flags = ("--num=40", "--truncation=0.5")  # its standing statistics are gathered too
    assert measure(*flags, "--strategy=mirrored")[1] == measure(*flags)[1]


def test_a_signal_keeps_what_was_measured_and_the_same_command_ends_alike(run_dir, measure, monkeypatch):
    _, whole, _ = measure("--num=45")
    (run_dir / "metrics.jsonl").unlink()
    added, add = [], ActivationCollector.add

    def add_and_signal(collector, batch):
        add(collector, batch)
        added.append(len(next(iter(batch.values()))))
        if sum(added) == 24:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ActivationCollector, "add", add_and_signal)
    status, _, err = measure("--num=45")
    assert status == 75 and "stopped after 24 of 45 generated images" in err and "Repeat the command" in err
    assert not (run_dir / "metrics.jsonl").exists()
    status, resumed, _ = measure("--num=45")
    assert status == 0 and resumed == whole and sum(added) == 45


def test_seeds_that_were_measured_are_not_measured_again(run_dir, measure):
    measure("--seeds=1")
    before = lines(run_dir)
    _, record, _ = measure("--seeds=1,2")
    assert lines(run_dir)[:1] == before and len(lines(run_dir)) == 2
    assert record["fid"] == pytest.approx(sum(line["fid"] for line in lines(run_dir)) / 2)


@pytest.mark.parametrize("flags", [["--seeds=1,2,3"], ["--truncation_curve=0.5,1", "--statistics=moving"]])
def test_one_checkpoint_is_measured_though_training_writes_others_and_removes_it(run_dir, measure, monkeypatch, flags):
    run = RunDirectory(run_dir)
    measured = measurement.measure_generator

    def and_train(*args, **options):
        result = measured(*args, **options)
        newest = run.checkpoints().steps()[-1]
        run.checkpoints().path(newest).rename(run.checkpoints().path(newest + 1))
        return result

    for module in (measurement, truncation_curve):
        monkeypatch.setattr(module, "measure_generator", and_train)
    status, record, err = measure(*flags)
    assert status == 0, err
    samples = [line["protocol"]["step"] for line in lines(run_dir) if line["protocol"]["step"] is not None]
    assert set(samples) == {3} and len(samples) >= 3 and record["protocol"]["step"] == 3
    assert len(list((run_dir / "checkpoints").iterdir())) == 1, "nothing is left of the checkpoint that was measured"


def test_a_curve_measures_each_threshold_once(run_dir, measure):
    status, record, err = measure("--truncation_curve=0.5,1")
    kept = lines(run_dir)
    assert status == 0 and [line["protocol"]["truncation"] for line in kept] == [None, 1.0, 0.5, None, [None, 1.0, 0.5]]
    assert {line["protocol"]["statistics"] for line in kept[:3]} == {"standing"}
    fids, scores = [line["fid"] for line in kept[:3]], [line["is"] for line in kept[:3]]
    assert record["no_truncation_fid"] == fids[0] and record["best_fid_fid"] == min(fids)
    assert record["best_is_is"] == max(scores) and record["real_validation_is"] == kept[3]["is"]
    table = (run_dir / "truncation" / "step-00000003.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table] == ["truncation", "none", "1.0", "0.5"]
    assert [float(line.split(",")[1]) for line in table[1:]] == fids
    assert (run_dir / "truncation" / "step-00000003.png").stat().st_size > 5000 and "The curve is in " in err
    measure("--truncation_curve=0.5,1,2")
    assert [line["protocol"]["truncation"] for line in lines(run_dir)[5:]] == [2.0, [None, 2.0, 1.0, 0.5]]


def test_a_curve_with_a_wrong_threshold_measures_nothing(run_dir, measure):
    status, _, err = measure("--truncation_curve=1,0")
    assert status == 2 and "threshold must be positive" in err and not (run_dir / "metrics.jsonl").exists()


def test_a_curve_leaves_out_the_score_of_too_few_validation_images(untrained, monkeypatch, capsys):
    def refuse(*_, **__):
        raise ValueError("metric is needs 10 images or more; received images=4.")

    monkeypatch.setattr(truncation_curve, "measure_split", refuse)
    assert truncation_curve._validation_score(RunDirectory.open(untrained), EvaluationOptions(), None) is None
    assert "is left out: metric is needs 10 images" in capsys.readouterr().err


def test_an_export_gives_its_runs_numbers(run_dir, measure, tmp_path, capsys):
    assert (
        export.main([f"--run_dir={run_dir}", f"--out={tmp_path}/model", "--truncations=0.5,1", "--standing_passes=2"])
        == 0
    )
    capsys.readouterr()
    _, alone, _ = measure("--truncation=0.5")
    kept = lines(run_dir)
    exported = ("--saved_model=" + str(tmp_path / "model"), "--num=30")
    status, record, _ = measure(*exported, "--truncation=0.5")
    assert status == 0 and record["fid"] == pytest.approx(alone["fid"], rel=1e-4) and lines(run_dir) == kept
    facts = {
        "step": 3,
        "weights": "raw",
        "statistics": "standing",
        "standing_passes": 2,
        "truncation": 0.5,
        "truncation_mode": "resampled",
        "images": "saved-model:1",
    }
    assert facts.items() <= record["protocol"].items()
    assert measure(*exported, "--truncation=0.7")[1]["protocol"]["statistics"] == "standing, interpolated"
    for flags, message in (
        ((), "Add --truncation=T"),
        (("--truncation=1", "--statistics=moving"), "are fixed"),
        (("--truncation=2.5",), "must be at most 2; received truncation=2.5"),
    ):
        status, _, err = measure(*exported, *flags)
        assert status == 2 and message in err


def test_a_run_whose_prior_cannot_be_cut_is_refused_at_its_start():
    with pytest.raises(ConfigError, match="truncation must be of a normal prior; this run's is latent='bernoulli'"):
        experiment.load(
            ["gin/data/procedural.gin"], [*TINY, "train.latent = 'bernoulli'", "EvaluationOptions.truncation = 0.5"]
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistics": "running"}, "must be one of moving, batch, standing, published; received statistics='running'"),
        ({"truncation": 0.0}, "threshold must be positive"),
        ({"truncation_mode": "clipped"}, "received truncation='clipped'"),
        ({"standing_passes": 0}, "received standing_passes=0"),
    ],
)
def test_generator_options_are_checked_at_construction(options, message):
    with pytest.raises(ValueError, match=message):
        EvaluationOptions(**options)
