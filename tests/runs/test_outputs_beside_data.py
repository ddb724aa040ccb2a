"""Pictures and exports of a run are not written among its training images, where they would be trained on."""

import dataclasses

import pytest

from sagan_tf import export, sample, visualize
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.runs.run_directory import RunDirectory


@pytest.mark.parametrize(
    ("verb", "flags", "named"),
    [
        (visualize, ["spectra", "--out={data}/a.png"], "--out"),
        (visualize, ["interpolate", "--animation={data}/a.webp"], "--animation"),
        (visualize, ["classes", "--out={data}/sheets"], "--out"),
        (sample, ["--num=1", "--statistics=moving", "--npz={data}/a.npz"], "--npz"),
        (sample, ["--num=1", "--statistics=moving", "--out={data}/a.png"], "--out"),
        (export, ["--out={data}/export"], "--out"),
    ],
)
def test_outputs_lie_outside_the_folder_of_images(drawable_run, tmp_path, monkeypatch, capsys, verb, flags, named):
    (tmp_path / "data").mkdir()
    of_run = RunDirectory.experiment

    def on_a_folder(run):
        return dataclasses.replace(of_run(run), data=ImageFolder(path=str(tmp_path / "data")))

    monkeypatch.setattr(RunDirectory, "experiment", on_a_folder)
    given = [flag.format(data=tmp_path / "data") for flag in flags]
    assert verb.main([*given, f"--run_dir={drawable_run}"]) == 2
    assert f"{named} must be outside the folder of images" in capsys.readouterr().err
    assert not list((tmp_path / "data").iterdir())
