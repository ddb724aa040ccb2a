import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.survey import Survey, survey_examples


@pytest.fixture
def folder(tmp_path):
    """Classes of four and two images, of 20 x 10 and 30 x 40 pixels, one of them twice in its class."""
    for name, count, size in (("cat", 4, (10, 20)), ("été", 2, (40, 30))):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", size, (i, 0, 0)).save(tmp_path / name / f"{i}.png")
    shutil.copy(tmp_path / "cat" / "0.png", tmp_path / "cat" / "again.png")
    return tmp_path


def test_a_folder_on_one_screen(folder):
    (folder / "cat" / "x.jpg").write_text("no image")
    shutil.copy(folder / "cat" / "1.png", folder / "été" / "moved.png")
    report = ImageFolder(path=str(folder)).survey(16).report(16)
    for line in (
        "8 good images, 2 classes",
        "bad files: 1,",
        "  cat/x.jpg: not a PNG",
        "images per class: 3 to 5",
        "  cat        5 ##############################",
        "  été        3 ##################",
        "sizes: 2 different; short edge 10 to 30 pixels, median 10; 6 images are smaller than 16",
        "duplicates: 2 images repeat another; 1 groups lie in more than one class",
        "  cat/1.png = été/moved.png",
        "  cat/0.png = cat/again.png",
    ):
        assert line in report
    assert report.index("été/moved.png") < report.index("cat/again.png")


def test_many_classes_and_many_bad_files_still_fit_on_a_screen():
    n = 3000
    survey = Survey(
        name="big",
        class_names=tuple(f"class {i}" for i in range(1000)),
        names=tuple(f"{i}.png" for i in range(n)),
        labels=np.arange(n) % 1000,
        sizes=np.repeat([[0, 0], [9, 9]], [100, n - 100], axis=0),
        digests=(b"same",) * n,
        bad={f"{i}.png": "cut" for i in range(100)},
    )
    report = survey.report(8)
    assert len(report.splitlines()) < 50 and max(map(len, report.splitlines())) < 160
    assert "and 80 more" in report and "988 classes between these" in report
    assert "2899 images repeat another" in report


def test_opened_examples_are_counted_by_their_pixels():
    survey = survey_examples(ProceduralSource(n_examples=30).open(12))
    np.testing.assert_array_equal(survey.labels, np.arange(30) % 10)
    assert survey.sizes.tolist() == [[12, 12]] * 30 and survey.duplicates() == []
    assert survey.names[13] == "bricks #13"


def test_images_of_the_same_bytes_and_another_shape_are_no_duplicates():
    """Such as two white images, of 8 x 2 and of 4 x 4 pixels."""
    shapes = [(2, 8, 3), (4, 4, 3), (2, 8, 3)]
    images = tf.data.Dataset.from_generator(
        lambda: ((np.zeros(shape, np.uint8), 0) for shape in shapes),
        output_signature=(tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int64)),
    )
    examples = dataclasses.replace(ProceduralSource(n_examples=10).open(12), ordered=lambda: images, n_examples=3)
    assert survey_examples(examples).duplicates() == [[0, 2]]
