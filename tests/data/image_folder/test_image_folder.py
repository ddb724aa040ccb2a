import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from sagan_tf.data.image_folder import file_check
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.pipeline import evaluation_batches, training_batches
from sagan_tf.data.python_reads import failed_read, with_plain_errors
from sagan_tf.data.source import DataError
from sagan_tf.data.transforms import Transform


@pytest.fixture
def folder(tmp_path):
    """Three classes of six images, each of one gray: 40 * class + 2 * number, alternately 16 and 24 pixels high."""
    for label, name in enumerate(("ant hill", "bée", "cat")):
        (tmp_path / name).mkdir()
        for number in range(6):
            gray = Image.new("L", (20, 16 if number % 2 else 24), 40 * label + 2 * number)
            gray.save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_reads_every_image_with_its_label(folder):
    examples = ImageFolder(path=str(folder)).open(16)
    assert examples.class_names == ImageFolder(path=str(folder)).class_names() == ("ant hill", "bée", "cat")
    values = [(int(image[0, 0, 0]), int(label)) for image, label in examples.ordered().as_numpy_iterator()]
    assert values == [(40 * label + 2 * number, label) for label in range(3) for number in range(6)]
    assert [image.shape for image, _ in examples.ordered().take(2).as_numpy_iterator()] == [(24, 20, 3), (16, 20, 3)]


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_batches(folder, cache_bytes):
    examples = ImageFolder(path=str(folder)).open(8)
    options = {"resolution": 8, "transform": Transform(), "cache_bytes": cache_bytes}
    rows = list(training_batches(examples, batch_size=9, seed=0, **options).take(2).as_numpy_iterator())
    greys = np.rint((np.concatenate([images for images, _ in rows])[:, 4, 4, 0] + 1) * 127.5)
    labels = np.concatenate([labels for _, labels in rows])
    np.testing.assert_array_equal(greys // 40, labels)
    assert len(set(greys)) == 18
    evaluated = np.concatenate([labels for _, labels in evaluation_batches(examples, batch_size=5, **options)])
    np.testing.assert_array_equal(evaluated, np.repeat(np.arange(3), 6))


def test_every_bad_file_is_named_and_refused(folder):
    (folder / "cat" / "notes.png").write_text("not an image")
    (folder / "bée" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "bée" / "none.webp").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        ImageFolder(path=str(folder)).open(16)
    message = str(caught.value)
    assert "3 of 21" in message
    for line in ("cat/notes.png: not a PNG", "bée/cut.jpg: ", "bée/none.webp: empty file"):
        assert line in message


def test_the_pixel_limit_is_named(folder):
    with pytest.raises(DataError, match=r"0\.png: 20 x 24 pixels, more than max_pixels=400"):
        ImageFolder(path=str(folder), max_pixels=400).open(16)


def test_a_raised_pixel_limit_exceeds_pillows_own(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    (tmp_path / "flat").mkdir()
    Image.new("L", (80, 50), 7).save(tmp_path / "flat" / "scan.png")
    source = ImageFolder(path=str(tmp_path / "flat"), max_pixels=1000)
    with pytest.raises(DataError, match=r"4000 pixels, more than max_pixels=1000[\s\S]*--max_pixels=N"):
        source.open(16)
    assert ImageFolder(path=str(tmp_path / "flat"), max_pixels=4000).open(16).n_examples == 1


def test_names_that_are_not_utf8_are_read(tmp_path):
    for folder in (b"\xe9", b"b"):
        place = os.path.join(os.fsencode(tmp_path), folder)
        os.mkdir(place)
        Image.new("L", (8, 8), 9).save(tmp_path / "x.png")
        os.replace(tmp_path / "x.png", os.path.join(place, b"caf\xe9.png"))
    source = ImageFolder(path=str(tmp_path))
    examples = source.open(8)
    assert examples.n_examples == 2 and source.open(8).fingerprint == examples.fingerprint
    assert [int(image[0, 0, 0]) for image, _ in examples.ordered().as_numpy_iterator()] == [9, 9]
    source.survey(8).report(8).encode()
    open(os.path.join(os.fsencode(tmp_path), b"b", b"caf\xe9.png"), "wb").close()
    with pytest.raises(DataError, match=r"b/caf\\xe9\.png: empty file"):
        source.open(8)


def test_a_file_that_vanishes_is_named_in_one_sentence(folder):
    examples = ImageFolder(path=str(folder)).open(8)
    (folder / "cat" / "3.png").unlink()
    with pytest.raises(DataError, match=r"stay readable .*; received .*/cat/3\.png: missing"):
        list(with_plain_errors(examples.ordered().as_numpy_iterator()))
    assert failed_read() is None


def test_a_validation_split_is_labeled_by_the_names_that_are_given(folder):
    for name in ("ant hill", "cat"):
        shutil.copytree(folder / name, folder / "d" / "val" / name)
    for name in ("ant hill", "bée", "cat"):
        shutil.move(folder / name, folder / "d" / "train" / name)
    source = ImageFolder(path=str(folder / "d"))
    validation = source.validation().open(8, class_names=source.class_names())
    assert validation.class_names == ("ant hill", "bée", "cat")
    assert [int(label) for _, label in validation.ordered().as_numpy_iterator()] == [0] * 6 + [2] * 6
    (folder / "d" / "val" / "cat").rename(folder / "d" / "val" / "dog")
    with pytest.raises(DataError, match=r"received dog, which is not.*0 ant hill, 1 dog.*0 ant hill, 1 bée, 2 cat"):
        source.validation().open(8, class_names=source.class_names())
    with pytest.raises(DataError, match="--reference=FOLDER"):
        ImageFolder(path=str(folder / "d" / "train")).validation()


def test_a_validation_split_may_be_capitalized_and_lie_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("Train/a", "Train/b", "Val/a"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "photos" / name / "x.png")
    source = ImageFolder(path="~/photos")
    assert source.class_names() == ("a", "b")
    assert source.validation().open(8, class_names=source.class_names()).n_examples == 1


def test_small_images_are_left_out_when_asked(folder):
    examples = ImageFolder(path=str(folder), min_short_edge=20).open(16)
    assert examples.n_examples == 9
    assert {image.shape[0] for image, _ in examples.ordered().as_numpy_iterator()} == {24}
    assert "9 images with a short edge below 20" in examples.notes[0]
    with pytest.raises(DataError, match="none in ant hill, bée, cat"):
        ImageFolder(path=str(folder), min_short_edge=21).open(16)


def test_only_new_and_changed_files_are_decoded_again(folder, monkeypatch):
    decoded = []
    real = file_check.decode
    monkeypatch.setattr(file_check, "decode", lambda path, **limit: decoded.append(path.name) or real(path, **limit))
    first = ImageFolder(path=str(folder)).open(16)
    assert len(decoded) == 18
    again = ImageFolder(path=str(folder)).open(16)
    assert len(decoded) == 18 and again.fingerprint == first.fingerprint
    Image.new("L", (9, 9), 3).save(folder / "cat" / "0.png")
    Image.new("L", (9, 9), 3).save(folder / "cat" / "new.png")
    changed = ImageFolder(path=str(folder)).open(16)
    assert sorted(decoded[18:]) == ["0.png", "new.png"]
    assert changed.fingerprint != first.fingerprint and changed.n_examples == 19


def test_an_interrupted_check_goes_on_where_it_stopped(folder, monkeypatch):
    real, decoded = file_check.decode, []

    def decode(path, **limit):
        if len(decoded) == 10:
            raise KeyboardInterrupt
        decoded.append(path)
        return real(path, **limit)

    monkeypatch.setattr(file_check, "decode", decode)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        ImageFolder(path=str(folder)).open(16)
    monkeypatch.setattr(file_check, "decode", lambda path, **limit: decoded.append(path) or real(path, **limit))
    assert ImageFolder(path=str(folder)).open(16).n_examples == len(decoded) == len(set(decoded)) == 18


def test_bad_files_are_not_remembered_as_good(folder):
    bad = folder / "cat" / "bad.png"
    bad.write_text("no")
    for _ in range(2):
        with pytest.raises(DataError, match=r"bad\.png"):
            ImageFolder(path=str(folder)).open(16)
    bad.unlink()
    assert ImageFolder(path=str(folder)).open(16).n_examples == 18


@pytest.mark.parametrize("memory", ["not json", "[1, 2]", '{"cat/0.png": []}', '{"cat/0.png": ["1:2"]}'])
def test_a_damaged_memory_costs_a_check_and_no_more(folder, memory):
    ImageFolder(path=str(folder)).open(16)
    (kept,) = pathlib.Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    kept.write_text(memory)
    assert ImageFolder(path=str(folder)).open(16).n_examples == 18


def test_a_copy_with_other_file_times_is_the_same_data_and_nothing_is_decoded_again(folder, monkeypatch):
    before = ImageFolder(path=str(folder)).open(16)
    decoded = []
    real = file_check.decode
    monkeypatch.setattr(file_check, "decode", lambda path, **limit: decoded.append(path.name) or real(path, **limit))
    for path in folder.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    after = ImageFolder(path=str(folder)).open(16)
    assert not decoded and after.fingerprint == before.fingerprint and after.class_digests == before.class_digests
    assert after.former_fingerprint != before.former_fingerprint


def test_the_same_data_elsewhere_have_the_same_fingerprint(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "pictures"
    shutil.copytree(folder, elsewhere)
    assert ImageFolder(path=str(elsewhere)).open(16).fingerprint == ImageFolder(path=str(folder)).open(16).fingerprint


def test_other_pixels_in_a_file_of_the_same_name_and_size_are_other_data(folder):
    for number, level in ((6, 10), (7, 200)):
        Image.new("L", (20, 20), level).save(folder / "cat" / f"{number}.bmp")
    before = ImageFolder(path=str(folder)).open(16)
    size = (folder / "cat" / "6.bmp").stat().st_size
    shutil.copy(folder / "cat" / "7.bmp", folder / "cat" / "6.bmp")
    assert (folder / "cat" / "6.bmp").stat().st_size == size
    after = ImageFolder(path=str(folder)).open(16)
    assert after.fingerprint != before.fingerprint
    counts, names, contents = zip(*(digest.split() for digest in after.class_digests), strict=True)
    old_counts, old_names, old_contents = zip(*(digest.split() for digest in before.class_digests), strict=True)
    assert counts == old_counts == ("6", "6", "8") and names == old_names
    assert [a == b for a, b in zip(contents, old_contents, strict=True)] == [True, True, False]


def test_a_renamed_class_has_its_former_digest(folder):
    before = ImageFolder(path=str(folder)).open(16)
    (folder / "ant hill").rename(folder / "zoo")
    after = ImageFolder(path=str(folder)).open(16)
    assert after.class_names == ("bée", "cat", "zoo")
    assert after.class_digests[2] == before.class_digests[0] and after.fingerprint != before.fingerprint


def test_a_folder_of_gray_images_is_known_as_gray(folder):
    assert ImageFolder(path=str(folder)).open(16).gray and ImageFolder(path=str(folder)).survey(16).gray
    Image.new("RGB", (20, 20), (9, 9, 9)).save(folder / "cat" / "0.png")  # gray, whatever its file says
    assert ImageFolder(path=str(folder)).open(16).gray
    Image.new("RGB", (20, 20), (9, 9, 10)).save(folder / "cat" / "1.png")
    assert not ImageFolder(path=str(folder)).open(16).gray
    assert not ImageFolder(path=str(folder)).open(16).gray  # from the cache of checked files
