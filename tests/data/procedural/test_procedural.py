import numpy as np
import pytest

from sagan_tf.data.procedural.procedural import PAINTERS, ProceduralSource, render
from sagan_tf.data.procedural.structures import STRUCTURES
from sagan_tf.data.procedural.textures import TEXTURES
from sagan_tf.data.source import DataError

GOLDEN_MEANS = (150.53, 150.42, 129.64, 142.07, 151.63, 194.19, 201.42, 206.25, 201.88, 212.93)


def test_half_textures_half_structures():
    assert len(TEXTURES) == len(STRUCTURES) == 5
    assert ProceduralSource().class_names() == (*TEXTURES, *STRUCTURES)


def test_an_image_depends_on_seed_and_index_alone():
    many = render(np.arange(100), resolution=32, seed=7)
    np.testing.assert_array_equal(render([42, 17], resolution=32, seed=7), many[[42, 17]])
    assert not np.array_equal(render([42], resolution=32, seed=8)[0], many[42])


def test_drawings_are_pinned():
    """A change of any pixel is a new version of the data set."""
    images = render(np.arange(1000), resolution=32, seed=0).astype(np.int64)
    means = images.reshape(100, 10, -1).mean(axis=(0, 2))
    np.testing.assert_allclose(means, GOLDEN_MEANS, atol=0.02)


@pytest.mark.parametrize("resolution", [8, 32, 96])
def test_images_of_a_class_differ_and_use_the_range(resolution):
    images = render(np.arange(200), resolution=resolution, seed=0).astype(np.float64)
    for label in range(len(PAINTERS)):
        own = images[label::10]
        assert np.abs(own[1:] - own[:-1]).mean(axis=(1, 2, 3)).min() > 2
        assert own.max() - own.min() > 150


def test_resolutions_show_the_same_picture():
    small = render(np.arange(40), resolution=32, seed=3).astype(np.float64)
    large = render(np.arange(40), resolution=128, seed=3).astype(np.float64)
    averaged = large.reshape(40, 32, 4, 32, 4, 3).mean(axis=(2, 4))
    assert np.abs(averaged - small).mean() < 4


def test_textures_are_decided_by_any_window_and_structures_are_not():
    """The variance inside a small central window: high for textures, almost none between a structure's parts."""
    images = render(np.arange(500), resolution=32, seed=0).astype(np.float64)
    variance = images[:, 14:18, 14:18].var(axis=(1, 2)).mean(axis=1).reshape(50, 10).mean(axis=0)
    assert variance[:5].min() > 500
    assert variance[5:].max() < 50


def test_opens_to_alternating_classes_and_the_drawn_images():
    examples = ProceduralSource(n_examples=50, seed=2).open(16)
    images, labels = zip(*examples.ordered().as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(labels, np.arange(50) % 10)
    np.testing.assert_array_equal(images, render(np.arange(50), resolution=16, seed=4))
    assert examples.n_examples == 50 and not examples.costly


def test_lazily_drawn_images_equal_those_in_memory(monkeypatch):
    eager = list(ProceduralSource(n_examples=20).open(16).stream(seed=1).take(30).as_numpy_iterator())
    monkeypatch.setattr("sagan_tf.data.procedural.procedural._IN_MEMORY", 0)
    lazy = list(ProceduralSource(n_examples=20).open(16).stream(seed=1).take(30).as_numpy_iterator())
    for (image, label), (lazy_image, lazy_label) in zip(eager, lazy, strict=True):
        np.testing.assert_array_equal(image, lazy_image)
        assert label == lazy_label


def test_splits_and_seeds_are_different_data():
    prints = {
        ProceduralSource(n_examples=10, seed=seed, split=split).open(8).fingerprint
        for seed in (0, 1)
        for split in ("train", "validation")
    }
    assert len(prints) == 4
    train = render(np.arange(1000), resolution=8, seed=0).reshape(1000, -1)
    validation = render(np.arange(1000), resolution=8, seed=1).reshape(1000, -1)
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in validation}


@pytest.mark.parametrize(
    ("arguments", "named"), [({"n_examples": 5}, "n_examples=5"), ({"split": "test"}, "split='test'")]
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(DataError, match=named):
        ProceduralSource(**arguments)


def test_bad_resolution_is_named():
    with pytest.raises(DataError, match="resolution=4"):
        ProceduralSource().open(4)
