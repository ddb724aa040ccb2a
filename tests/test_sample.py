"""The verb `sample`: which images, what is said, and what an interruption or a full disk leaves."""

import dataclasses
import errno
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import sagan_tf
from sagan_tf import sample
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.runs import sampling
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.sampling import stored_images
from sagan_tf.sampling.stored_images import NpzFile

STRATEGY = tf.distribute.get_strategy()


def run_verb(run, *flags):
    return sample.main([f"--run_dir={run}", "--statistics=moving", "--strategy=cpu", *flags])


def arrays(path):
    with np.load(path) as file:
        return file["arr_0"], file["labels"]


@pytest.fixture(scope="module")
def expected(drawable_run):
    labels = np.arange(70) % 10
    return sagan_tf.load(drawable_run, statistics="moving").images(labels, seed=4), labels


def test_a_seed_an_image_and_classes_in_the_order_asked_for(drawable_run, expected, tmp_path, capsys):
    seeds = ",".join(str(4 * 2**32 + i) for i in (13, 0))
    assert run_verb(drawable_run, f"--seeds={seeds}", "--classes=bricks,0", f"--npz={tmp_path / 'a.npz'}") == 0
    images, labels = arrays(tmp_path / "a.npz")
    assert labels.tolist() == [3, 0]
    np.testing.assert_array_equal(images, expected[0][[13, 0]])
    assert "Step 3, averaged weights, moving statistics, no truncation, seeds given" in capsys.readouterr().err


@pytest.mark.parametrize("statistics", ["moving", pytest.param("standing", marks=pytest.mark.slow)])  # 200 passes
def test_two_replicas_draw_what_one_draws(drawable_run, tmp_path, mirrored, monkeypatch, statistics):
    flags = ["--num=70", "--truncation=0.5", f"--statistics={statistics}"]
    monkeypatch.setattr(sampling, "create_strategy", lambda name, say: mirrored if name == "mirrored" else STRATEGY)
    for name in ("cpu", "mirrored"):
        assert run_verb(drawable_run, *flags, f"--npz={tmp_path / name}.npz", f"--strategy={name}") == 0
    np.testing.assert_array_equal(arrays(tmp_path / "cpu.npz")[0], arrays(tmp_path / "mirrored.npz")[0])


def interrupting(monkeypatch, kind):
    """Stops the process by a signal after the first write; parts are one batch."""
    write = kind.write

    def once(self, first, images):
        write(self, first, images)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(kind, "write", once)


def test_an_interrupted_npz_goes_on_to_the_same_images(drawable_run, expected, tmp_path, monkeypatch, capsys):
    npz = tmp_path / "all.npz"
    flags = ["--num=70", "--seed=4", f"--npz={npz}"]
    monkeypatch.setattr(sampling, "IMAGES_A_WRITE", 1)
    with monkeypatch.context() as patch:
        interrupting(patch, NpzFile)
        assert run_verb(drawable_run, *flags) == 75
    assert not npz.exists() and "Repeat the command to resume" in capsys.readouterr().err
    assert run_verb(drawable_run, *flags) == 0
    assert "Resuming after 64 existing images" in capsys.readouterr().err
    images, labels = arrays(npz)
    np.testing.assert_array_equal(images, expected[0])
    np.testing.assert_array_equal(labels, expected[1])
    assert [p.name for p in tmp_path.iterdir()] == ["all.npz"]


def test_a_folder_that_holds_them_all_is_left_as_it_is(drawable_run, expected, tmp_path, capsys):
    flags = ["--num=70", "--seed=4", f"--out={tmp_path / 'png'}"]
    assert run_verb(drawable_run, *flags) == 0
    files = sorted((tmp_path / "png").glob("*.png"))
    np.testing.assert_array_equal([np.asarray(Image.open(file)) for file in files], expected[0])
    assert files[0].name == "00000_stripes.png"
    assert run_verb(drawable_run, *flags) == 0
    assert "Resuming after 70 existing images" in capsys.readouterr().err


def test_a_full_disk_is_said_with_its_place(drawable_run, tmp_path, monkeypatch, capsys):
    def full(folder, plan):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a.npz"))

    monkeypatch.setattr(stored_images, "_write_plan", full)
    assert run_verb(drawable_run, "--num=2", f"--npz={tmp_path / 'a.npz'}") == 2
    error = capsys.readouterr().err
    assert "a.npz could not be written" in error and "free some space" in error


def test_a_sheet_has_a_row_a_class(drawable_run, expected, tmp_path):
    path = tmp_path / "sheet.png"
    assert run_verb(drawable_run, "--num=70", "--seed=4", f"--out={path}") == 0
    sheet = np.asarray(Image.open(path))[:, -7 * 66 :]
    for i in (0, 9, 10, 69):
        cell = sheet[2 + 66 * (i % 10) :, 66 * (i // 10) :][:64:2, :64:2]
        np.testing.assert_array_equal(cell, expected[0][i])


def test_samples_do_not_go_among_the_images_of_the_data(drawable_run, tmp_path, monkeypatch, capsys):
    settings = dataclasses.replace(RunDirectory.open(drawable_run).experiment(), data=ImageFolder(path=str(tmp_path)))
    monkeypatch.setattr(RunDirectory, "experiment", lambda run: settings)
    assert run_verb(drawable_run, f"--out={tmp_path}/new") == 2
    assert f"received --out={tmp_path}/new inside {tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--classes=dot"], "Did you mean dots?"),
        (["--seed=-1"], "seed must be in"),
        (["--truncation=0"], "threshold must be positive"),
        (["--step=4"], "no checkpoint of step 4; there is 3 in"),
        (["--strategy=gpus"], "strategy must be one of"),
    ],
)
def test_what_does_not_fit_is_one_sentence(drawable_run, capsys, flags, message):
    assert run_verb(drawable_run, *flags) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error
