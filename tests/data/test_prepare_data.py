import dataclasses
import shutil

import pytest
from PIL import Image

from sagan_tf import prepare_data
from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.shards.preparation import prepare
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import DataError
from sagan_tf.foundation.claim import claimed


@pytest.fixture
def folder(tmp_path):
    for name in ("ant hill", "bée"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (30, 20 + 10 * i), (i, 0, 0)).save(tmp_path / "d" / name / f"{i}.png")
    return tmp_path / "d"


def run(*arguments):
    return prepare_data.main([str(argument) for argument in arguments])


def test_prepares_a_folder_that_trains(folder, tmp_path, capsys):
    assert run(f"--source={folder}", "--resolution=16", f"--out={tmp_path / 'out'}") == 0
    said = capsys.readouterr().out
    assert "6 images of 2 classes (3 to 3 per class) at 16x16 in 1 shards" in said
    assert f"--data={tmp_path / 'out'}" in said
    source = source_from_flag(str(tmp_path / "out"))
    assert source == PreparedShards(path=str(tmp_path / "out"))
    assert source.open(16).class_names == ("ant hill", "bée")


def test_a_folder_that_is_being_prepared_is_refused(folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    with claimed(out):
        assert run(f"--source={folder}", "--resolution=16", f"--out={out}") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"error: {out} must be written by one process at a time") and not list(out.iterdir())


def test_flags_reach_the_plan(folder, tmp_path):
    assert (
        run(
            f"--source={folder}",
            "--resolution=8",
            f"--out={tmp_path / 'out'}",
            "--method=sagan",
            "--min_short_edge=25",
            "--jpeg_quality=90",
        )
        == 0
    )
    plan = PreparedShards(path=str(tmp_path / "out"))._index().plan
    assert (plan.method, plan.min_short_edge, plan.encoding, plan.quality) == ("sagan", 25, "jpeg", 90)
    assert PreparedShards(path=str(tmp_path / "out")).open(8).n_examples == 4


def test_check_names_bad_files_and_writes_nothing(folder, tmp_path, capsys):
    assert run(f"--source={folder}", "--resolution=16", "--check") == 0
    assert "bad files: none" in capsys.readouterr().out
    (folder / "bée" / "notes.png").write_text("not an image")
    assert run(f"--source={folder}", "--resolution=16", "--check", f"--out={tmp_path / 'out'}") == 2
    assert "bée/notes.png: not a PNG" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_bad_files_end_a_preparation_before_it_begins(folder, tmp_path, capsys):
    (folder / "bée" / "notes.png").write_text("not an image")
    assert run(f"--source={folder}", "--resolution=16", f"--out={tmp_path / 'out'}") == 2
    assert "bée/notes.png: not a PNG" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_checks_shards(folder, tmp_path, capsys):
    run(f"--source={folder}", "--resolution=8", f"--out={tmp_path / 'out'}")
    assert run(f"--source={tmp_path / 'out'}", "--resolution=8", "--check") == 0
    assert "6 good images, 2 classes" in capsys.readouterr().out
    shard = next((tmp_path / "out").glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert run(f"--source={tmp_path / 'out'}", "--resolution=8", "--check") == 2
    assert shard.name in capsys.readouterr().err


def test_prepares_a_validation_split_beside_the_training_shards(folder, tmp_path, capsys):
    (folder.parent / "d").rename(folder.parent / "train")
    (tmp_path / "d" / "val").mkdir(parents=True)
    (folder.parent / "train").rename(folder / "train")
    shutil.copytree(folder / "train" / "bée", folder / "val" / "bée")
    for split in ("validation", "train"):  # in either order
        assert run(f"--source={folder}", "--resolution=8", f"--out={tmp_path / 'out'}", f"--split={split}") == 0
    assert "out/validation: 3 images of 2 classes" in capsys.readouterr().out
    shards = PreparedShards(path=str(tmp_path / "out"))
    validation = shards.validation().open(8)
    assert validation.class_names == shards.class_names() == ("ant hill", "bée")
    assert [int(label) for _, label in validation.ordered().as_numpy_iterator()] == [1, 1, 1]
    shutil.rmtree(tmp_path / "out" / "validation")
    with pytest.raises(DataError, match=r"--reference=FOLDER[\s\S]*--split=validation"):
        shards.validation()


def test_a_preparation_keeps_the_order_of_classes_it_was_begun_with(folder, tmp_path):
    (folder / "ant hill").rename(folder / "10")
    (folder / "bée").rename(folder / "9")
    out = tmp_path / "out"
    assert run(f"--source={folder}", "--resolution=8", f"--out={out}") == 0
    assert PreparedShards(path=str(out)).class_names() == ("9", "10")
    source = ImageFolder(path=str(folder))
    before = source.open(8, class_names=("10", "9"))  # as they sorted by code point
    plan = dataclasses.replace(
        PreparedShards(path=str(out))._index().plan, class_names=("10", "9"), fingerprint=before.fingerprint
    )
    shutil.rmtree(out)
    prepare(before, plan, out)
    written = next(out.glob("*.tfrecord")).read_bytes()
    assert run(f"--source={folder}", "--resolution=8", f"--out={out}") == 0
    assert PreparedShards(path=str(out)).class_names() == ("10", "9")
    assert next(out.glob("*.tfrecord")).read_bytes() == written


def test_the_pixel_limit_is_a_flag(folder, tmp_path, capsys):
    assert run(f"--source={folder}", "--resolution=8", f"--out={tmp_path / 'out'}", "--max_pixels=599") == 2
    assert "30 x 20 pixels, more than max_pixels=599" in capsys.readouterr().err
    assert run("--source=procedural", "--resolution=8", f"--out={tmp_path / 'out'}", "--max_pixels=599") == 2
    assert "--source=procedural" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--resolution=16",), "no --out"),
        (("--resolution=4", "--out=x"), "--resolution=4"),
        (("--resolution=16", "--out=x", "--jpeg_quality=101"), "--jpeg_quality=101"),
    ],
)
def test_bad_flags_are_named(folder, capsys, arguments, message):
    assert run(f"--source={folder}", *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_source_that_is_not_there(tmp_path, capsys):
    assert run(f"--source={tmp_path / 'nowhere'}", "--resolution=16", "--out=x") == 2
    assert "no such folder" in capsys.readouterr().err
