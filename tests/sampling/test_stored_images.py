"""Images on disk are whole or not there, go on after an interruption, and never mix two plans."""

import errno

import numpy as np
import pytest
from PIL import Image

from sagan_tf.sampling.stored_images import NpzFile, PlanError, PngFolder

LABELS = np.asarray([0, 0, 1, 1, 2], np.int32)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)


def test_parts_become_the_file_that_numpy_would_have_written(tmp_path):
    first = NpzFile(tmp_path / "deep" / "a.npz", LABELS, 4)
    assert first.begin({"seed": 1}) == 0
    first.write(0, IMAGES[:2])
    again = NpzFile(tmp_path / "deep" / "a.npz", LABELS, 4)
    assert again.begin({"seed": 1}) == 2
    again.write(2, IMAGES[2:])
    again.write(2, IMAGES[2:])
    assert again.begin({"seed": 1}) == 5
    path = again.finish()
    with np.load(path, allow_pickle=False) as file:
        assert file.files == ["arr_0", "labels"]
        np.testing.assert_array_equal(file["arr_0"], IMAGES)
        np.testing.assert_array_equal(file["labels"], LABELS)
    assert [p.name for p in path.parent.iterdir()] == ["a.npz"]


def test_a_call_that_goes_on_in_larger_batches_writes_no_image_twice(tmp_path):
    NpzFile(tmp_path / "a.npz", LABELS, 4).begin({})
    NpzFile(tmp_path / "a.npz", LABELS, 4).write(0, IMAGES[:2])
    again = NpzFile(tmp_path / "a.npz", LABELS, 4)
    assert again.begin({}) == 2
    again.write(0, IMAGES[:3])  # batches of three begin at 0 once more
    again.write(3, IMAGES[3:])
    with np.load(again.finish()) as file:
        np.testing.assert_array_equal(file["arr_0"], IMAGES)


@pytest.mark.parametrize("damage", ["emptied", "cut", "removed"])
def test_a_damaged_part_is_drawn_again_with_what_comes_after_it(tmp_path, damage):
    file = NpzFile(tmp_path / "a.npz", LABELS, 4)
    file.begin({})
    for first in (0, 2, 4):
        file.write(first, IMAGES[first : first + 2])
    second = sorted((tmp_path / "a.npz.parts").glob("part-*.npy"))[1]
    second.write_bytes({"emptied": b"", "cut": second.read_bytes()[:-1], "removed": b""}[damage])
    if damage == "removed":
        second.unlink()
    assert file.begin({}) == 2
    file.write(2, IMAGES[2:])
    with np.load(file.finish()) as arrays:
        np.testing.assert_array_equal(arrays["arr_0"], IMAGES)


def test_a_damaged_plan_is_another_plan(tmp_path):
    file = NpzFile(tmp_path / "a.npz", LABELS, 4)
    file.begin({})
    file.write(0, IMAGES[:2])
    (tmp_path / "a.npz.parts" / "sampled.json").write_text("")
    assert file.begin({}) == 0


def test_parts_of_another_plan_are_thrown_away(tmp_path):
    file = NpzFile(tmp_path / "a.npz", LABELS, 4)
    file.begin({"seed": 1})
    file.write(0, IMAGES[:2])
    assert file.begin({"seed": 2}) == 0


def test_a_part_that_fails_half_way_is_not_counted(tmp_path, monkeypatch):
    file = NpzFile(tmp_path / "a.npz", LABELS, 4)
    file.begin({})

    def full(opened, array):
        opened.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        file.write(0, IMAGES[:2])
    assert file.begin({}) == 0


def test_a_folder_goes_on_at_the_first_file_that_is_not_there(tmp_path):
    folder = PngFolder(tmp_path, ["a b/c", "é", "c", "c", "c"])
    assert folder.begin({"seed": 1}) == 0
    folder.write(0, IMAGES[:3])
    assert folder.begin({"seed": 1}) == 3
    folder.write(3, IMAGES[3:])
    assert folder.finish() == tmp_path and folder.begin({"seed": 1}) == 5
    names = sorted(p.name for p in tmp_path.glob("*"))
    assert names == ["00000_a_b_c.png", "00001_é.png", "00002_c.png", "00003_c.png", "00004_c.png", "sampled.json"]
    np.testing.assert_array_equal([np.asarray(Image.open(tmp_path / name)) for name in names[:5]], IMAGES)
    (tmp_path / names[1]).unlink()
    assert folder.begin({"seed": 1}) == 1


def test_a_folder_of_another_plan_is_refused(tmp_path):
    folder = PngFolder(tmp_path, ["a"] * 5)
    folder.begin({"seed": 1})
    folder.write(0, IMAGES[:1])
    with pytest.raises(PlanError, match="must be a new folder or one that the same command has written"):
        folder.check({"seed": 2})
    assert PngFolder(tmp_path / "new", ["a"]).check({"seed": 2}) is None and not (tmp_path / "new").exists()


def test_a_class_of_a_long_name_has_a_file(tmp_path):
    folder = PngFolder(tmp_path, ["猫" * 85])
    folder.begin({})
    folder.write(0, IMAGES[:1])
    assert len(list(tmp_path.glob("00000_猫*.png"))) == 1


def test_an_npz_says_what_its_labels_mean(tmp_path):
    file = NpzFile(tmp_path / "a.npz", LABELS, 4, ("cat", "été"))
    file.begin({})
    with np.load(file.finish(), allow_pickle=False) as arrays:
        assert arrays["class_names"].tolist() == ["cat", "été"]


def test_without_classes_names_and_labels_are_left_out(tmp_path):
    folder = PngFolder(tmp_path / "f", ["", ""])
    folder.begin({})
    folder.write(0, IMAGES[:2])
    assert sorted(path.name for path in (tmp_path / "f").glob("*.png")) == ["00000.png", "00001.png"]
    file = NpzFile(tmp_path / "a.npz", LABELS, 4, ("photos",), has_classes=False)
    file.begin({})
    file.write(0, IMAGES)
    with np.load(file.finish()) as arrays:
        assert arrays.files == ["arr_0"]


def test_gray_images_are_files_of_one_channel(tmp_path):
    gray = np.repeat(IMAGES[:2, ..., :1], 3, axis=-1)
    folder = PngFolder(tmp_path, ["a", "b"], gray=True)
    folder.begin({})
    folder.write(0, gray)
    with Image.open(tmp_path / "00001_b.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), gray[1, ..., 0])
