"""An exported run: the live model's images with TensorFlow alone, clear refusals, whole or not there."""

import argparse
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import export
from sagan_tf.foundation import files
from sagan_tf.interop import saved_model
from sagan_tf.runs import export as exporting
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.sampler import Truncation
from tests.closeness import LAYER, NETWORK, assert_close

CLIENT = Path(__file__).parent / "interop" / "only_tensorflow.py"


@pytest.fixture(scope="module")
def exported(drawable_run, tmp_path_factory):
    """The path of a version with standing statistics at 0.5 and 2."""
    out = tmp_path_factory.mktemp("exported") / "gan"
    flags = [f"--run_dir={drawable_run}", f"--out={out}", "--truncations=2,0.5", "--standing_passes=2"]
    assert export.main(flags) == 0
    return out / "1"


@pytest.fixture(scope="module")
def elsewhere(exported, tmp_path_factory):
    """What a process with TensorFlow alone gets from it: arrays, and messages for wrong inputs."""
    out = tmp_path_factory.mktemp("elsewhere") / "result"
    subprocess.run([sys.executable, "-I", str(CLIENT), str(exported), str(out)], check=True, capture_output=True)
    with np.load(f"{out}.npz") as file:
        return dict(file), json.loads(Path(f"{out}.json").read_text())


def live_sampler(run_dir, threshold):
    model = TrainedModel(run_dir, standing_passes=2)
    return model.sampler(Truncation(threshold=threshold))


def assert_same_pixels(found, expected):
    """Equal up to rounding: hardly any pixel lies so close to the middle of two levels that it moves by one."""
    apart = np.abs(found.astype(int) - expected)
    assert found.dtype == np.uint8 and apart.max() <= 1 and (apart > 0).mean() < 1e-3


def test_an_image_is_the_same_in_batches_of_1_and_7_and_64(elsewhere):
    arrays, _ = elsewhere
    assert arrays["of_64"].dtype == np.uint8 and arrays["of_64"].shape == (64, 32, 32, 3) and arrays["of_64"].std() > 1
    np.testing.assert_array_equal(arrays["of_70"][:64], arrays["of_64"])
    assert_same_pixels(arrays["of_70"][64:], arrays["of_70_alone"])
    assert_same_pixels(arrays["of_1"], arrays["of_64"][:7])
    assert_same_pixels(arrays["of_7"], arrays["of_64"][:7])
    np.testing.assert_array_equal(arrays["of_40"], arrays["of_64"][:40])
    np.testing.assert_array_equal(arrays["png"], arrays["of_2"])


@pytest.mark.parametrize(("threshold", "first"), [(0.5, 0), (2.0, 1)])
def test_generate_is_sample_pixel_for_pixel_and_serving_default_the_live_model(
    drawable_run, elsewhere, threshold, first
):
    arrays, _ = elsewhere
    sampler = live_sampler(drawable_run, threshold)
    numbers = np.arange(first, 64, 3)
    found = np.concatenate(list(sampler.of_seeds(numbers + 5, numbers % 10)))
    np.testing.assert_array_equal(arrays["of_64"][numbers], found)
    (image,) = sampler.of_latents(arrays["z"][[first]], [first])
    assert_close(arrays["from_z"][[first]], image, relative=NETWORK)


def test_attention_shares_sum_to_one(elsewhere):
    attention = elsewhere[0]["attention"]
    assert attention.shape == (3, 8, 8, 4, 4)
    assert_close(attention.sum((3, 4)), np.ones((3, 8, 8)), relative=LAYER)


def test_every_wrong_input_is_refused_by_its_name(elsewhere):
    _, messages = elsewhere
    assert len(messages) == 13
    for what, message in messages.items():
        assert f"[{what.split()[0]} must" in message, f"{what}: {message}"
    assert "label must be in [0, 10); received label] [0 10]" in messages["label too large"]
    assert "truncation must be in (0, 2]" in messages["truncation NaN"]


def test_the_protocol_and_the_class_names_are_with_it(exported):
    names = (exported / "assets" / "class_names.txt").read_text().splitlines()
    protocol = json.loads((exported / "assets" / "protocol.json").read_text())
    assert names == protocol["class_names"] and names[2] == "dots" and len(names) == 10
    assert protocol["step"] == 3 and protocol["weights"] == "ema" and protocol["truncations"] == [0.5, 2.0]
    assert protocol["statistics"] == "standing" and "sagan.width = 4" in protocol["config"]


def test_the_next_version_is_the_next_number_and_moving_statistics_are_the_runs_own(
    drawable_run, exported, monkeypatch
):
    monkeypatch.setattr(saved_model, "pass_sizes", lambda full: (4,))  # passes of several sizes are tested above
    flags = [f"--run_dir={drawable_run}", f"--out={exported.parent}", "--statistics=moving", "--no-average"]
    assert export.main(flags) == 0
    assert sorted(p.name for p in exported.parent.iterdir()) == ["1", "2"]
    live = TrainedModel(drawable_run, average=False, statistics="moving").sampler(Truncation(threshold=1.5))
    generate = tf.saved_model.load(str(exported.parent / "2")).signatures["generate"]
    found = generate(seed=tf.constant([1, -2], tf.int64), label=tf.constant([3, 4]), truncation=tf.constant([1.5, 1.5]))
    assert_same_pixels(found["images"].numpy(), next(live.of_seeds([1, -2], [3, 4])))


@pytest.mark.parametrize(
    ("latent", "own", "expected"), [("normal", "batch", "standing"), ("bernoulli", "moving", "moving")]
)
def test_default_statistics_are_those_of_a_truncated_sample(drawable_run, monkeypatch, latent, own, expected):
    run, flags = described(drawable_run, monkeypatch, latent, own)
    served, protocol = exporting.prepare(run, flags)
    assert protocol["statistics"] == expected and served.mode == ("resampled" if latent == "normal" else None)


def test_the_batchs_own_statistics_are_not_exported(drawable_run, monkeypatch):
    run, flags = described(drawable_run, monkeypatch, "bernoulli", "batch")
    with pytest.raises(exporting.ExportError, match="must not depend on the others of its batch"):
        exporting.prepare(run, flags)


@pytest.mark.parametrize("given", [{"truncations": [0.5]}, {"truncation_mode": "scaled"}])
def test_flags_of_a_truncation_need_a_prior_that_has_one(given):
    flags = argparse.Namespace(**{"run_dir": "RUN", "truncations": None, "truncation_mode": None} | given)
    flags.standing_passes = 1
    exporting.check_flags(flags, "annealed_normal")
    with pytest.raises(exporting.ExportError, match="received one of them for RUN, whose prior is latent='bernoulli'"):
        exporting.check_flags(flags, "bernoulli")


def described(run_dir, monkeypatch, latent, inference_statistics):
    """The run as if its description had this prior and these statistics, and the flags of an export of it."""
    run = RunDirectory(run_dir)
    settings = run.experiment()
    spec = dataclasses.replace(settings.spec, inference_statistics=inference_statistics)
    other = dataclasses.replace(settings, latent=latent, spec=spec)
    monkeypatch.setattr(run, "experiment", lambda: other)
    return run, argparse.Namespace(
        step=None, average=None, statistics=None, truncations=[1.0] if latent == "normal" else None,
        truncation_mode="resampled", standing_passes=1,
    )  # fmt: skip


def stopped(monkeypatch, act):
    """Writes half a SavedModel and then acts."""

    def save(served, folder, protocol):
        folder.mkdir()
        (folder / "half").write_text("x")
        act(folder)

    monkeypatch.setattr(saved_model, "save", save)


def no_space(folder):
    raise OSError(errno.ENOSPC, "No space left on device", str(folder / "variables"))


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (lambda folder: os.kill(os.getpid(), signal.SIGTERM), 75, "interrupted: nothing was exported"),
        (lambda folder: os.kill(os.getpid(), signal.SIGINT), 75, "interrupted: nothing was exported"),
        (no_space, 2, "No space left on device"),
    ],
)
def test_what_stops_it_leaves_nothing_behind(drawable_run, tmp_path, monkeypatch, capsys, act, code, said):
    stopped(monkeypatch, act)
    (tmp_path / ".tmp-1-1").mkdir()
    assert export.main([f"--run_dir={drawable_run}", f"--out={tmp_path}", "--statistics=moving"]) == code
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_another_format_in_the_same_folder_is_warned_of(tmp_path, caplog):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    exporting._warn_of_another_format(tmp_path, "saved_model")
    assert not caplog.records
    exporting._warn_of_another_format(tmp_path, "onnx")
    assert "versions of another format, with a saved_model.pb" in caplog.text


def test_exports_at_the_same_time_leave_each_other_alone_and_get_numbers_of_their_own(tmp_path):
    with exporting.new_version(tmp_path) as first:
        first.folder.mkdir()
        (first.folder / "model").write_text("first")
        with exporting.new_version(tmp_path) as second:
            second.folder.mkdir()
            (second.folder / "model").write_text("second")
    assert (second.path, first.path) == (tmp_path / "1", tmp_path / "2")
    assert [(path / "model").read_text() for path in (first.path, second.path)] == ["first", "second"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_number_that_is_taken_at_the_last_moment_is_left_to_the_other_export(tmp_path, monkeypatch):
    move = files.move

    def late(folder, final):
        if not final.exists() and final.name == "1":
            final.mkdir()
            (final / "model").write_text("other")
        move(folder, final)

    monkeypatch.setattr(files, "move", late)
    with exporting.new_version(tmp_path) as version:
        version.folder.mkdir()
        (version.folder / "model").write_text("own")
    assert version.path == tmp_path / "2" and (version.path / "model").read_text() == "own"
    assert (tmp_path / "1" / "model").read_text() == "other"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--step=4"], "no checkpoint of step 4; there is 3 in"),
        (["--statistics=moving", "--truncations=1"], "--truncations apply to standing statistics"),
        (["--standing_passes=0"], "passes must be at least 1"),
    ],
)
def test_what_does_not_fit_is_one_sentence(drawable_run, tmp_path, capsys, flags, message):
    assert export.main([f"--run_dir={drawable_run}", f"--out={tmp_path}", *flags]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(SystemExit):
        export.main(["--run_dir=.", "--out=.", "--truncations=0"])


def test_a_place_that_is_a_file_is_refused(drawable_run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert export.main([f"--run_dir={drawable_run}", f"--out={tmp_path / 'file'}", "--statistics=moving"]) == 2
    assert "--out must be a folder that can be written" in capsys.readouterr().err


def test_onnx_gives_the_same_images(drawable_run, tmp_path):
    pytest.importorskip("tf2onnx", reason="needs the extra [onnx]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    flags = [f"--run_dir={drawable_run}", f"--out={tmp_path}", "--truncations=0.5,2", "--standing_passes=2"]
    assert export.main([*flags, "--format=onnx"]) == 0
    session = onnxruntime.InferenceSession(str(tmp_path / "1" / "model.onnx"), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for count in (1, 5):
        z = rng.standard_normal([count, 8]).astype(np.float32)
        label = np.arange(count, dtype=np.int32)
        (images,) = session.run(["images"], {"z": z, "label": label, "truncation": np.full(count, 0.5, np.float32)})
        expected = np.concatenate(list(live_sampler(drawable_run, 0.5).of_latents(z, label)))
        assert_close(images, expected, relative=NETWORK)
    assert session.get_modelmeta().custom_metadata_map["class_names"].splitlines()[2] == "dots"
    for label in (-1, 10):
        with pytest.raises(Exception, match=r"(?i)indices element out of data bounds"):
            session.run(["images"], {"z": z[:1], "label": np.int32([label]), "truncation": np.float32([0.5])})
