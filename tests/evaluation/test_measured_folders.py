import pytest
from PIL import Image

from sagan_tf import prepare_data
from sagan_tf.data.source import DataError
from sagan_tf.evaluation.image_files import open_images


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def put(folder, *names, size=(16, 16)):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (9, 0, 0)).save(folder / name)
    return str(folder)


@pytest.mark.parametrize(
    ("names", "class_names", "kind"),
    [
        (("7/a.png", "7/b.png"), ("7",), "named"),
        (("x/y/a.png", "x/b.png", "c.png"), ("d",), "none"),
        (("a.png",), ("d",), "none"),
        (("2/a.png", "10/a.png"), ("2", "10"), "named"),
    ],
)
def test_any_layout_is_measured(tmp_path, names, class_names, kind):
    examples, side = open_images(put(tmp_path / "d", *names))
    assert (examples.class_names, examples.label_kind, side) == (class_names, kind, 16)
    assert examples.n_examples == len(names)


def test_images_of_several_sizes_need_a_resolution_and_are_counted(tmp_path):
    put(tmp_path, "a.png", size=(8, 8))
    folder = put(tmp_path, "b.png", "c.png")
    with pytest.raises(DataError, match=r"2 sizes, in pixels: 2 of 16 x 16, 1 of 8 x 8\. Add --resolution=16"):
        open_images(folder)
    examples, side = open_images(folder, resolution=16)
    assert side == 16 and "1 of 3 images are cropped and resized to 16 x 16" in examples.notes[-1]
    with pytest.raises(DataError, match="1 size, in pixels: 1 of 16 x 8"):
        open_images(put(tmp_path / "wide", "a.png", size=(16, 8)))


def test_prepared_shards_are_measured_at_their_own_resolution(tmp_path):
    source, out = put(tmp_path / "d", "2/a.png", "10/a.png"), tmp_path / "out"
    assert prepare_data.main([f"--source={source}", "--resolution=8", f"--out={out}"]) == 0
    examples, side = open_images(str(out))
    assert side == 8 and examples.class_names == ("2", "10")
    with pytest.raises(DataError, match="prepared at 8 for resolution=16"):
        open_images(str(out), resolution=16)
