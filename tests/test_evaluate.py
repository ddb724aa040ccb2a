"""The verb: anybody's images, and a run's generator, from the command line to JSON and to a line on disk."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from sagan_tf import evaluate, experiment
from sagan_tf.evaluation.evaluator import EvaluationOptions
from sagan_tf.evaluation.features import SavedModelExtractor
from sagan_tf.evaluation.metrics.fid import frechet_distance
from sagan_tf.evaluation.moments import moments_of
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.runs import evaluation, resumption, watch
from sagan_tf.runs.evaluation import CheckpointChoice
from sagan_tf.runs.run_directory import RunDirectory

pytestmark = pytest.mark.usefixtures("cache")

RNG = np.random.default_rng(0)
LABELS = np.arange(80) % 2


def noise(shift):
    brightness = 90 + 60 * LABELS[:, None, None, None] + shift
    return np.clip(RNG.normal(brightness, 30, (80, 8, 8, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def files(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "net")
    for name, shift in (("a", 0), ("b", 20)):
        np.savez(tmp_path / f"{name}.npz", arr_0=noise(shift), labels=LABELS)
    return tmp_path


def call(capsys, *flags):
    status = evaluate.main(list(flags))
    output = capsys.readouterr()
    return status, output.out, output.err


def test_two_files_give_the_distance_of_their_features(files, capsys):
    status, out, _ = call(
        capsys,
        f"--images={files}/a.npz",
        f"--reference={files}/b.npz",
        f"--extractor={files}/net",
        "--metrics=fid,kid,pr,is",
        "--json",
    )
    record = json.loads(out)
    net = SavedModelExtractor(str(files / "net"))
    sides = [
        moments_of(net(np.load(files / f"{name}.npz")["arr_0"].astype(np.float32) / 127.5 - 1)[0].numpy())
        for name in "ab"
    ]
    assert status == 0 and record["fid"] == pytest.approx(frechet_distance(*sides), rel=1e-5)
    assert {"is", "is_std", "kid", "kid_std", "precision", "recall", "density", "coverage"} < set(record)
    assert record["protocol"]["images"] == "npz:a.npz" and record["protocol"]["reference"] == "npz:b.npz"


def test_a_written_reference_stands_in_for_its_images(files, capsys):
    common = (f"--images={files}/a.npz", f"--extractor={files}/net", "--metrics=fid", "--json")
    first = json.loads(call(capsys, *common, f"--reference={files}/b.npz", f"--write_reference={files}/mu.npz")[1])
    second = json.loads(call(capsys, *common, f"--reference={files}/mu.npz")[1])
    assert second["fid"] == first["fid"] and second["protocol"]["n_real"] == 80
    status, _, err = call(
        capsys, f"--images={files}/a.npz", f"--reference={files}/mu.npz", "--metrics=fid", "--extractor=dataset"
    )
    assert status == 2 and "extractor=dataset must have labeled examples" in err
    status, _, err = call(capsys, *common[:2], f"--reference={files}/mu.npz", "--metrics=kid")
    assert status == 2 and "metric kid needs the reference's features" in err


def test_moments_of_another_extractor_are_refused(files, capsys, save_stand_in):
    call(
        capsys,
        f"--images={files}/a.npz",
        f"--extractor={files}/net",
        "--metrics=fid",
        f"--reference={files}/b.npz",
        f"--write_reference={files}/mu.npz",
    )
    other = save_stand_in(files / "other", side=8)
    assert other is not None
    status, _, err = call(
        capsys, f"--images={files}/a.npz", f"--extractor={files}/other", "--metrics=fid", f"--reference={files}/mu.npz"
    )
    assert status == 2 and "must hold moments by the extractor saved-model:other" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--images=A"], "must be compared with a --reference"),
        (["--images=/nowhere.npz", "--reference=/nowhere.npz"], "which does not exist"),
        (["--run_dir=/nowhere"], "must be a run's directory, with a run.json; received /nowhere"),
    ],
)
def test_bad_flags_are_one_sentence_and_status_2(capsys, flags, message):
    status, out, err = call(capsys, *flags)
    assert status == 2 and message in err and err.startswith("error: ") and not out


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A run of tiny nets that were never trained, with the checkpoint of step 3."""
    tiny = [
        "train.spec = @families.sagan()",
        "families.sagan.resolution = 32",
        "families.sagan.attention = (16,)",
        "families.sagan.width = 4",
        "ProceduralSource.n_examples = 150",
        "train.total_steps = 9",
        "train.evaluation = @EvaluationOptions()",
        "EvaluationOptions.n_samples = 30",
    ]
    loaded = experiment.load(["gin/data/procedural.gin"], tiny)
    run = RunDirectory(tmp_path_factory.mktemp("untrained") / "run")
    resumption.prepare(run, loaded, loaded.value.data.open(32))
    nets = {
        "generator": Generator(run.spec(), numerics=loaded.value.numerics),
        "discriminator": Discriminator(run.spec(), numerics=loaded.value.numerics),
    }
    run.checkpoints().save(
        {f"{net}.{name}": variable for net, model in nets.items() for name, variable in named_variables(model).items()},
        3,
    )
    return run.path


@pytest.fixture
def run_dir(untrained, tmp_path):
    return shutil.copytree(untrained, tmp_path / "run")


def test_a_run_is_measured_with_several_seeds(run_dir, files, capsys):
    status, out, _ = call(
        capsys, f"--run_dir={run_dir}", f"--extractor={files}/net", "--metrics=fid", "--seeds=1,2", "--json"
    )
    record = json.loads(out)
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    distances = [line["fid"] for line in lines]
    assert status == 0 and [line["protocol"]["seed"] for line in lines] == [1, 2] and distances[0] != distances[1]
    assert record["fid"] == pytest.approx(np.mean(distances))
    assert record["fid_over_seeds_std"] == pytest.approx(np.std(distances, ddof=1))
    facts = {"step": 3, "weights": "raw", "statistics": "moving", "n_generated": 30}
    assert facts.items() <= lines[0]["protocol"].items()


def test_a_runs_own_validation_images_can_be_measured(run_dir, files, capsys):
    flags = (f"--run_dir={run_dir}", f"--extractor={files}/net", "--metrics=fid", "--json")
    generated, real = (json.loads(call(capsys, *flags, *extra)[1]) for extra in ((), ("--images=validation",)))
    assert real["fid"] < generated["fid"] / 10
    assert real["protocol"]["images"] == "procedural:validation" and real["protocol"]["step"] is None


def test_a_training_run_measures_itself_with_its_open_data(run_dir, files):
    run = RunDirectory.open(run_dir)
    options = EvaluationOptions(extractor=f"{files}/net", n_samples=20, metrics=("fid", "long_range_agreement"))
    result = evaluation.evaluate_run(run, options, examples=run.experiment().data.open(32))
    assert json.loads((run_dir / "metrics.jsonl").read_text()) == result.record()
    assert result.metrics["long_range_agreement_real"] > 0.9 > result.metrics["long_range_agreement"]


def test_fid_of_the_untrained_generator_is_measured_once_and_stands_beside(run_dir, files, monkeypatch):
    run = RunDirectory.open(run_dir)
    options = EvaluationOptions(extractor=f"{files}/net", n_samples=20, metrics=("fid", "fid_of_data"))
    examples = run.experiment().data.open(32)
    first = evaluation.evaluate_run(run, options, examples=examples)
    assert first.metrics["fid_untrained"] == pytest.approx(first.metrics["fid"], rel=1e-3), "this run is untrained"
    assert 0 < first.metrics["fid_of_data"] < first.metrics["fid"] / 10
    assert "for scale, FID is" in first.summary() and "for the untrained generator" in first.summary()

    def measured_again(*args, **kwargs):
        raise AssertionError("it was measured again")

    monkeypatch.setattr(evaluation, "initial_seeds", measured_again)
    assert evaluation.evaluate_run(run, options, examples=examples).metrics == first.metrics
    without = evaluation.evaluate_run(run, EvaluationOptions(extractor=f"{files}/net", n_samples=20, metrics=("is",)))
    assert "fid_untrained" not in without.metrics


def test_watching_measures_every_checkpoint_until_the_last_step(run_dir, files, capsys, monkeypatch):
    config = run_dir / "config.gin"
    config.write_text(config.read_text().replace("train.total_steps = 9", "train.total_steps = 5"))
    store = RunDirectory.open(run_dir).checkpoints()

    def training_goes_on(seconds):
        shutil.copytree(store.path(3), store.path(5))
        manifest = store.path(5) / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"step": 3', '"step": 5'))

    monkeypatch.setattr(watch.time, "sleep", training_goes_on)
    flags = (f"--run_dir={run_dir}", f"--extractor={files}/net", "--metrics=fid", "--watch")
    assert call(capsys, *flags)[0] == 0
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["protocol"]["step"] for line in lines] == [3, 5]
    assert list((run_dir / "tensorboard").glob("*.evaluation"))
    status, out, _ = call(capsys, *flags)
    assert status == 0 and "has already been measured" in out
    assert len((run_dir / "metrics.jsonl").read_text().splitlines()) == 2


def test_watching_measures_what_was_not_measured_in_exactly_this_way(run_dir):
    protocol = {
        "truncation": None, "truncation_mode": None, "statistics": "moving", "standing_passes": None, "seed": 0,
        "extractor_hash": "e", "n_generated": 50_000, "weights": "raw", "reference_fingerprint": "r",
    }  # fmt: skip
    others = ({"step": 1, "statistics": "batch"}, {"step": 2, "seed": 1}, {"step": 4, "truncation": 0.5}, {"step": 5})
    records = [{"fid": 1.0, "protocol": protocol | changed} for changed in others]
    records.append({"kid": 1.0, "protocol": protocol | {"step": 6}})
    (run_dir / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    reference = SimpleNamespace(extractor=SimpleNamespace(hash="e"), real=SimpleNamespace(fingerprint="r"))
    run, options = RunDirectory.open(run_dir), EvaluationOptions(metrics=("fid",))
    assert watch._measured(run, options, reference, CheckpointChoice()) == {5}
    assert watch._measured(run, EvaluationOptions(), reference, CheckpointChoice()) == {5, 6}
    assert run.is_evaluated(5) and run.is_evaluated(4, truncation=0.5) and not run.is_evaluated(4)


def test_memorization_is_the_discriminators_own_verdict(run_dir, capsys):
    status, out, _ = call(capsys, f"--run_dir={run_dir}", "--memorization", "--json")
    record = json.loads(out)
    run = RunDirectory.open(run_dir)
    discriminator = Discriminator(run.spec())
    run.checkpoints().restore({f"discriminator.{n}": v for n, v in named_variables(discriminator).items()}, 3)
    images, labels = next(iter(run.experiment().data.open(32).ordered().batch(150)))
    logits = discriminator(images.numpy().astype(np.float32) / 127.5 - 1, labels, training=False).logits
    assert status == 0 and record["train_called_real"] == pytest.approx((logits.numpy() > 0).mean(), abs=0.01)
    assert 0 <= record["validation_called_real"] <= 1 and record["protocol"]["extractor"] == "discriminator"
