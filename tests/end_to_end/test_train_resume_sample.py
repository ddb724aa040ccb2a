"""The verbs from end to end on a tiny network: train, be killed, resume, sample, describe, refuse."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import small_run
import tensorflow as tf
from PIL import Image

from sagan_tf import describe, evaluate, sample, train
from sagan_tf.runs import build, training
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel

TINY = [
    "--gin_file=gin/quickstart.gin",
    *(
        "--gin_bindings=" + binding
        for binding in (
            "families.sagan.resolution=8",
            "families.sagan.width=8",
            "families.sagan.discriminator_width=8",
            "families.sagan.z_dim=8",
            "families.sagan.attention_g=(8,)",
            "families.sagan.attention_d=(4,)",
            "ProceduralSource.n_examples=64",
            "train.average=@MovingAverage()",
            "MovingAverage.decay=0.5",
            "MovingAverage.start=1",
            "train.batch_size=4",
            "train.total_steps=4",
            "train.sample_every=0",
            "train.checkpoint_every=2",
            "train.evaluation=None",
        )
    ),
]
pytestmark = pytest.mark.usefixtures("smallest_ladder")


@pytest.fixture(scope="module")
def straight(tmp_path_factory, smallest_ladder):
    """A run of four steps without interruption."""
    run = tmp_path_factory.mktemp("runs") / "straight"
    assert train.main([*TINY, f"--run_dir={run}"]) == 0
    return run


def stopped_by_a_signal(compiled):
    """build.compile_steps, with a signal to this process at the first call of steps."""

    def compile_steps(*arguments, **options):
        steps = compiled(*arguments, **options)

        def call(iterator, n):
            os.kill(os.getpid(), signal.SIGTERM)
            return steps(iterator, n)

        call.tensor_names = steps.tensor_names
        return call

    return compile_steps


@pytest.fixture(scope="module")
def of_two_commands(tmp_path_factory, smallest_ladder):
    """A run, and the screen of its first command.

    A signal ends that after one step and the same command does the rest, in a directory where the first second of
    another one was killed before.
    """
    run, screen = tmp_path_factory.mktemp("runs") / "two_commands", io.StringIO()
    run.mkdir()
    for name in ("config.gin", ".tmp-config.json-7"):
        (run / name).write_text("half a l")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(screen):
        patch.setattr(build, "compile_steps", stopped_by_a_signal(build.compile_steps))
        assert train.main([*TINY, f"--run_dir={run}", "--gin_bindings=train.steps_per_call=1"]) == 75
    assert RunDirectory(run).checkpoints().steps() == [1]
    assert train.main([*TINY, f"--run_dir={run}"]) == 0
    return run, screen.getvalue()


@pytest.fixture(scope="module")
def of_own_images(tmp_path_factory):
    """A run of one step on a folder of images, without average, by the command in a process of its own."""
    root = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    for name in ("ant hill", "bée"):
        (root / "images" / name).mkdir(parents=True)
        for i in range(4):
            image = Image.fromarray(rng.integers(0, 255, (40 + i, 50, 3), np.uint8))
            image.save(root / "images" / name / f"{i}.png")
    bindings = ("families.sagan.attention_g=()", "families.sagan.attention_d=()", "train.average=None")
    flags = [flag for flag in TINY if not re.search("ProceduralSource|MovingAverage[.]", flag)]
    flags += [f"--gin_bindings={binding}" for binding in bindings]
    flags += [f"--data={root / 'images'}", f"--run_dir={root / 'run'}", "--stop_after=1"]
    program = """
import runpy
from sagan_tf.models import families
families.LADDERS[8] = families.Ladder((1, 1), (1, 1), 1)  # as the fixture `smallest_ladder` does
runpy.run_module("sagan_tf.train", run_name="__main__", alter_sys=True)  # the command as it is typed
"""
    done = subprocess.run([sys.executable, "-c", program, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return root / "run"


def weights(run, step=4):
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step:08d}" / "state"))
    names = [n for n in reader.get_variable_to_shape_map() if n.startswith("variables/")]
    assert len(names) > 90
    return {name: reader.get_tensor(name) for name in names}


def differing(run, other, step):
    """How many entries of each variable differ at a step, and by how much at most."""
    there = weights(other, step)
    here = {name: (value, there[name]) for name, value in weights(run, step).items()}
    return {
        name: f"{np.count_nonzero(a != b)} of {a.size} by up to {np.abs(a - b).max():.3g}"
        for name, (a, b) in here.items()
        if not np.array_equal(a, b)
    }


def assert_same(run, other):
    """The message lists every variable that differs at the end, and at step 2, up to which another process may have
    trained."""
    found = differing(run, other, 4)
    assert not found, f"at the end {found}, at step 2 {differing(run, other, 2)}"


def test_a_signal_saves_and_says_75_and_the_same_command_goes_on_bit_for_bit(straight, of_two_commands):
    run, said = of_two_commands
    parts = "imports .* s, data .* s, building the networks .* s, tracing, compiling and the first steps .* s"
    assert re.search(rf"From the command to the first steps: .* s \({parts}\)\.", said)
    assert_same(straight, run)


def test_a_run_killed_in_the_middle_goes_on_to_the_same_weights_bit_for_bit(straight, start, tmp_path):
    run = tmp_path / "run"
    process = start(run, *TINY, "--gin_bindings=train.steps_per_call=1", environment={"REAL": "1"})
    while not (run / "checkpoints" / "step-00000002").exists():
        assert process.exitcode is None, "training ended before its checkpoint"
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL and RunDirectory(run).checkpoints().steps()[-1] < 4
    assert train.main([*small_run.SMALL, *TINY, f"--run_dir={run}"]) == 0
    assert_same(straight, run)


@pytest.mark.slow(reason="another import of TensorFlow and another compilation")
def test_a_run_begun_under_one_keras_ends_under_the_other_as_one_that_stayed(straight, tmp_path):
    run = tmp_path / "run"
    other = {"TF_USE_LEGACY_KERAS": "0" if os.environ.get("TF_USE_LEGACY_KERAS") == "1" else "1"}
    command = [sys.executable, "-m", "sagan_tf.train", *TINY, f"--run_dir={run}", "--stop_after=2"]
    subprocess.run(command, env=os.environ | other, check=True, capture_output=True)
    assert train.main([*TINY, f"--run_dir={run}"]) == 0
    for name, value in weights(run).items():
        np.testing.assert_allclose(value, weights(straight)[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_run_directory_explains_itself(straight):
    facts = json.loads((straight / "run.json").read_text())
    assert facts["data"]["name"] == "procedural:train" and len(facts["data"]["class_names"]) == 10
    assert facts["commands"][0]["versions"]["tensorflow"] == tf.__version__
    assert "Generator" in (straight / "architecture.txt").read_text()
    lines = [json.loads(line) for line in (straight / "train.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 4 and np.isfinite(lines[-1]["d_loss"])
    assert list((straight / "tensorboard").iterdir())


def test_more_of_a_finished_run_is_nothing(straight, capsys):
    before = sorted(p.name for p in (straight / "checkpoints").iterdir())
    assert train.main([*TINY, f"--run_dir={straight}"]) == 0
    assert "nothing is left to train" in capsys.readouterr().err
    assert sorted(p.name for p in (straight / "checkpoints").iterdir()) == before


def test_a_changed_configuration_is_refused_line_by_line(straight, capsys):
    changed = ["--gin_bindings=train.batch_size=8", "--gin_bindings=TwoTimescaleAdam.beta_2=0.99"]
    assert train.main([*TINY, *changed, f"--run_dir={straight}"]) == 2
    error = capsys.readouterr().err
    assert "batch_size: 4 in the run, 8 now" in error and "optimizer.beta_2: 0.9 in the run, 0.99 now" in error


def test_a_folder_that_is_no_run_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert train.main([*TINY, f"--run_dir={tmp_path}"]) == 2
    assert "holds other files" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_kill_in_the_first_second_left_is_no_obstacle(of_two_commands):
    run, _ = of_two_commands
    assert "train.total_steps = 4" in (run / "config.gin").read_text()
    assert not list(run.glob(".tmp-*"))


def test_sample_needs_the_run_directory_alone(straight, tmp_path):
    npz = tmp_path / "eight.npz"
    assert sample.main([f"--run_dir={straight}", "--num=8", f"--npz={npz}", "--classes=stripes,3", "--seed=4"]) == 0
    with np.load(npz) as file:
        images, labels = file["arr_0"], file["labels"]
    assert images.shape == (8, 8, 8, 3) and images.dtype == np.uint8 and images.std() > 1
    assert labels.tolist() == [0, 3] * 4
    sheet = tmp_path / "sheet.png"
    assert sample.main([f"--run_dir={straight}", "--num=8", f"--out={sheet}", "--classes=stripes,3", "--seed=4"]) == 0
    cell = np.asarray(Image.open(sheet))[2:66, -64 * 4 - 2 * 4 :][:, :64]
    np.testing.assert_array_equal(cell[::8, ::8], images[0])
    folder = tmp_path / "files"
    assert sample.main([f"--run_dir={straight}", "--num=3", f"--out={folder}", "--classes=dots", "--step=2"]) == 0
    assert sorted(p.name for p in folder.glob("*.png")) == ["00000_dots.png", "00001_dots.png", "00002_dots.png"]


def test_standing_statistics_and_truncation_are_chosen_and_said(straight, tmp_path, capsys):
    images = []
    for name, options in {"moving": [], "standing": ["--statistics=standing", "--truncation=0.5"]}.items():
        npz = tmp_path / f"{name}.npz"
        assert sample.main([f"--run_dir={straight}", "--num=2", f"--npz={npz}", *options]) == 0
        with np.load(npz) as file:
            images.append(file["arr_0"])
    said = capsys.readouterr().err
    assert "moving statistics, no truncation" in said
    assert "standing statistics, truncation 0.5 (resampled)" in said
    assert np.abs(images[0].astype(int) - images[1]).max() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes=stripe"], "Did you mean stripes?"),
        (["--classes=10"], "0 stripes"),
        (["--step=3"], "no checkpoint of step 3; there are"),
    ],
)
def test_sample_refuses_what_is_not_there(straight, capsys, arguments, message):
    assert sample.main([f"--run_dir={straight}", "--num=1", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_verbs_refuse_a_folder_without_a_run(tmp_path, capsys):
    assert sample.main([f"--run_dir={tmp_path}"]) == 2
    assert "must be a run's directory" in capsys.readouterr().err


def test_the_average_is_kept_and_sampled_by_default(straight, of_own_images, capsys):
    averaged, raw = TrainedModel(straight), TrainedModel(straight, average=False)
    assert (averaged.step, averaged.averaged, raw.averaged) == (4, True, False)
    assert np.abs(averaged.generator.get_weights()[0] - raw.generator.get_weights()[0]).max() > 0
    assert sample.main([f"--run_dir={of_own_images}", "--num=1", "--average"]) == 2
    assert "has no moving average of G" in capsys.readouterr().err


def test_two_replicas_train_and_one_device_takes_their_checkpoint(tmp_path, mirrored, monkeypatch, capsys):
    """test_recovery.py goes on from one, with three small variables."""
    monkeypatch.setattr(training, "create_strategy", lambda *_, **__: mirrored)
    run = tmp_path / "run"
    assert train.main([*TINY, f"--run_dir={run}", "--strategy=mirrored", "--stop_after=2"]) == 0
    monkeypatch.undo()
    assert train.main([*TINY, f"--run_dir={run}", "--strategy=cpu", "--stop_at=2"]) == 0
    assert "has 2 of 4 steps" in capsys.readouterr().err and RunDirectory(run).checkpoints().steps() == [2]


def test_a_folder_of_images_trains_and_its_classes_are_its_own(of_own_images, tmp_path):
    assert RunDirectory(of_own_images).class_names == ("ant hill", "bée")
    npz = tmp_path / "s.npz"
    assert sample.main([f"--run_dir={of_own_images}", "--classes=bée", "--num=2", f"--npz={npz}"]) == 0
    with np.load(npz) as file:
        assert file["labels"].tolist() == [1, 1]


def test_a_bad_file_is_named_before_training(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "images" / name / "good.png")
    (tmp_path / "images" / "b" / "notes.png").write_text("not an image")
    flags = [flag for flag in TINY if "ProceduralSource" not in flag]
    assert train.main([*flags, f"--data={tmp_path / 'images'}", f"--run_dir={tmp_path / 'run'}"]) == 2
    assert "notes.png" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.usefixtures("short_classifier")
def test_evaluate_writes_numbers_with_their_protocol(straight, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SAGAN_TF_CACHE", str(tmp_path))
    arguments = ["--extractor=dataset", "--num=64", "--metrics=is", "--json", "--no-average"]
    assert evaluate.main([f"--run_dir={straight}", *arguments]) == 0
    out = capsys.readouterr().out
    printed = json.loads(out[out.index("{") :])
    (line,) = (straight / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["protocol"]["step"] == 4 and json.loads(line)["protocol"]["weights"] == "raw"
    assert "dataset" in printed["protocol"]["extractor"] or "classifier" in printed["protocol"]["extractor"]


def test_describe_prints_the_published_counts(capsys):
    assert describe.main(["--gin_file=gin/sagan_128.gin", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["generator_parameters"], printed["discriminator_parameters"]) == (42_017_412, 39_448_258)
    assert printed["total_parameters"] == 81_465_670 and printed["shared_embedding_parameters"] == 0
    assert describe.main(["--gin_file=gin/sagan_128.gin"]) == 0
    assert "42,017,412" in capsys.readouterr().out


def test_imagenet_that_is_not_there_says_what_to_do(tmp_path, capsys):
    flags = ["--gin_file=gin/sagan_128.gin", f"--data_dir={tmp_path}", f"--run_dir={tmp_path / 'run'}"]
    assert train.main(flags) == 2
    error = capsys.readouterr().err
    assert "ILSVRC2012_img_train.tar" in error and "gin/data/procedural.gin" in error
    assert error.count("\n") < 24 and not (tmp_path / "run").exists()


def test_the_embedded_data_trains_a_network_of_imagenets_size(capsys):
    """The command that the screen above offers: SAGAN-128 whole, on the data set of ten classes."""
    offered = ["--gin_file=gin/sagan_128.gin", "--gin_file=gin/data/procedural.gin"]
    bindings = ["--gin_bindings=train.table_size=1000", "--gin_bindings=train.batch_size=2"]
    assert describe.main([*offered, *bindings, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_parameters"] == 81_465_670
    assert describe.main([*offered, "--gin_bindings=train.table_size=9"]) == 2
    assert "table_size must be at least the data set's 10 classes" in capsys.readouterr().err
