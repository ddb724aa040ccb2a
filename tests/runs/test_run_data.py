import json
import types

import pytest
from PIL import Image

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.source import DataError
from sagan_tf.runs.run_data import (
    check_count,
    check_outside,
    labeled_as_run,
    training_examples,
    validation_examples,
)
from sagan_tf.runs.run_directory import RunDirectory


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def a_run(folder, *class_names):
    settings = types.SimpleNamespace(data=ImageFolder(path=str(folder)), spec=types.SimpleNamespace(resolution=8))
    return types.SimpleNamespace(exists=bool(class_names), class_names=class_names, experiment=lambda: settings)


@pytest.fixture
def folder(tmp_path):
    """Classes 0, 2 and 10; the validation split lacks class 2. The gray value of each image is its class's number."""
    for name in ("train/0", "train/2", "train/10", "val/0", "val/10"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("L", (8, 8), int(name.split("/")[1])).save(tmp_path / name / "x.png")
    return tmp_path


def pairs(examples):
    """(the class's name by the label, the class's number by the pixels) of each image."""
    rows = examples.ordered().as_numpy_iterator()
    return [(examples.class_names[label], str(image[0, 0, 0])) for image, label in rows]


def test_a_new_run_orders_integers_by_value_and_one_begun_before_keeps_its_order(folder):
    assert training_examples(a_run(folder)).class_names == ("0", "2", "10")
    before = training_examples(a_run(folder, "0", "10", "2"))
    assert pairs(before) == [("0", "0"), ("10", "10"), ("2", "2")]  # files in the former order, too
    assert training_examples(a_run(folder, "0", "10", "3")).class_names == ("0", "2", "10")  # the caller compares


@pytest.mark.parametrize("class_names", [("0", "2", "10"), ("0", "10", "2")])
def test_validation_images_are_labeled_by_the_names_of_the_run(folder, class_names):
    examples = validation_examples(a_run(folder, *class_names))
    assert examples.class_names == class_names
    assert sorted(pairs(examples)) == [("0", "0"), ("10", "10")]


def test_a_validation_class_that_the_run_does_not_know_is_refused(folder):
    with pytest.raises(DataError, match=r"received 10, which is not.*0 0, 1 10.*0 0, 1 2"):
        validation_examples(a_run(folder, "0", "2"))


def test_data_that_have_moved_are_named_by_a_flag_and_the_refusal_says_so(folder, tmp_path):
    loaded = experiment.load(["gin/quickstart.gin"], ["families.sagan.resolution=32"], data=str(folder))
    gin_config.save(tmp_path / "run", loaded)
    recorded = {"data": {"class_names": ["0", "10", "2"]}}
    (tmp_path / "run" / "run.json").write_text(json.dumps(recorded), encoding="utf-8")
    moved = folder.rename(tmp_path.with_name(tmp_path.name + "_moved"))
    run = moved / "run"
    for opened in (training_examples, validation_examples):
        with pytest.raises(
            DataError, match=r"have moved, give their new location with --data=FOLDER.*--reference=FOLDER"
        ):
            opened(RunDirectory.open(run))
        examples = opened(RunDirectory.open(run, data=str(moved)))
        assert examples.class_names == ("0", "10", "2") and {a == b for a, b in pairs(examples)} == {True}


def test_fewer_images_than_a_batch_are_refused_with_a_batch_that_fits(folder):
    examples = ImageFolder(path=str(folder)).open(8)
    check_count(examples, 3)
    with pytest.raises(DataError, match=r"received 3 images in .* and train\.batch_size=4.*train\.batch_size=2"):
        check_count(examples, 4)


def test_networks_get_the_labels_that_they_know_or_a_refusal(folder):
    assert pairs(labeled_as_run(a_run(folder, "0", "10", "2"))) == [("0", "0"), ("10", "10"), ("2", "2")]
    with pytest.raises(DataError, match="received 10, which is not"):
        labeled_as_run(a_run(folder, "0", "2", "3"))


@pytest.mark.parametrize("place", ["run", "train/0/run", "deep/er"])
def test_a_run_does_not_lie_among_its_images(folder, place):
    with pytest.raises(DataError, match=r"--run_dir must be outside .*received --run_dir=.* inside"):
        check_outside("--run_dir", folder / place, ImageFolder(path=str(folder)))


def test_a_run_may_lie_beside_its_images(folder):
    for place in (folder.parent / "run", folder.with_name(folder.name + "_runs"), folder / ".runs" / "a", folder):
        check_outside("--run_dir", place, ImageFolder(path=str(folder)))
    check_outside("--run_dir", folder / "runs" / "a", ImageFolder(path=str(folder), split="train"))
