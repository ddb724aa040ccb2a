"""Images made by anybody: what is read, and what is refused with the way out."""

import numpy as np
import pytest
from PIL import Image

from sagan_tf.data.source import DataError
from sagan_tf.evaluation.array_files import read_moments
from sagan_tf.evaluation.image_files import open_images

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def save_folder(root, names=("a", "b")):
    for index, image in enumerate(IMAGES):
        folder = root / names[index % len(names)]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")


def test_an_npz_gives_its_pixels_in_order_and_its_labels(tmp_path):
    np.savez(tmp_path / "a.npz", arr_0=IMAGES, labels=[0, 1, 2, 0, 1, 2])
    examples, side = open_images(str(tmp_path / "a.npz"))
    images, labels = (np.stack(rows) for rows in zip(*examples.ordered().as_numpy_iterator(), strict=True))
    np.testing.assert_array_equal(images, IMAGES)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2] and side == 8 and examples.class_names == ("0", "1", "2")


def test_the_fingerprint_follows_the_pixels(tmp_path):
    def fingerprint(images):
        np.savez(tmp_path / "a.npz", arr_0=images)
        return open_images(str(tmp_path / "a.npz"))[0].fingerprint

    changed = IMAGES.copy()
    changed[3, 2, 1, 0] ^= 1
    assert fingerprint(IMAGES) == fingerprint(IMAGES.copy()) != fingerprint(changed)


def test_a_folder_gives_its_classes_and_its_side(tmp_path):
    save_folder(tmp_path)
    examples, side = open_images(str(tmp_path))
    assert (side, examples.class_names, examples.n_examples) == (8, ("a", "b"), 6)
    assert open_images(str(tmp_path), resolution=4)[1] == 4


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, "must hold arr_0"),
        ({"arr_0": IMAGES.astype(np.float32)}, r"must be uint8 \(N,H,W,3\); received .* float32 \(6, 8, 8, 3\)"),
        ({"arr_0": IMAGES[:, :, :, :1]}, r"uint8 \(6, 8, 8, 1\)"),
        ({"arr_0": IMAGES[:, :5]}, "must be square, or a resolution be given.*--resolution=R"),
        ({"arr_0": IMAGES, "labels": [0, 1]}, r"labels must be \(N,\) from 0 on"),
        ({"arr_0": IMAGES, "labels": [-1, 0, 0, 0, 0, 0]}, r"labels must be \(N,\) from 0 on"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_images(str(tmp_path / "a.npz"))


def test_what_is_no_file_of_images_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"text\.npz, which cannot be read"):
        open_images(str(tmp_path / "text.npz"))
    with pytest.raises(DataError, match="which does not exist"):
        open_images(str(tmp_path / "absent.npz"))
    with pytest.raises(DataError, match="a resolution must be given for a data set; received procedural"):
        open_images("procedural")
    Image.fromarray(IMAGES[0, :5]).save(tmp_path / "wide.png")
    (tmp_path / "text.npz").unlink()
    with pytest.raises(DataError, match=r"in pixels: 1 of 8 x 5"):
        open_images(str(tmp_path))


def test_moments_are_told_from_images(tmp_path):
    np.savez(tmp_path / "moments.npz", mu=np.ones(3), sigma=np.eye(3))
    np.savez(tmp_path / "images.npz", arr_0=IMAGES)
    moments, protocol = read_moments(str(tmp_path / "moments.npz"))
    assert moments.mean.tolist() == [1, 1, 1] and protocol == {}
    assert read_moments(str(tmp_path / "images.npz")) is None is read_moments(str(tmp_path))


def test_labels_of_an_npz_are_names_where_it_has_these(tmp_path):
    images, names = np.zeros([3, 4, 4, 3], np.uint8), np.array(["9", "10", "11"])
    np.savez(tmp_path / "a.npz", images, labels=[1, 1, 0], class_names=names)
    examples, _ = open_images(str(tmp_path / "a.npz"))
    assert (examples.class_names, examples.label_kind) == (("9", "10"), "named")
    assert [int(label) for _, label in examples.ordered().as_numpy_iterator()] == [1, 1, 0]
    np.savez(tmp_path / "b.npz", images, labels=[1, 3, 0], class_names=names)
    with pytest.raises(DataError, match=r"b\.npz with class_names of .* labels up to 3"):
        open_images(str(tmp_path / "b.npz"))
    np.savez(tmp_path / "c.npz", images, labels=[1, 3, 0])
    assert open_images(str(tmp_path / "c.npz"))[0].label_kind == "numbered"
    np.savez(tmp_path / "d.npz", images)
    assert open_images(str(tmp_path / "d.npz"))[0].label_kind == "none"


def test_an_npy_holds_images_alone_and_labels_may_be_names(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    examples, side = open_images(str(tmp_path / "a.npy"))
    assert (side, examples.n_examples, examples.class_names) == (8, 6, ("all",))
    for labels, expected in ((["dog", "cat"] * 3, [1, 0] * 3), ([1.0, 0.0] * 3, [1, 0] * 3)):
        np.savez(tmp_path / "b.npz", IMAGES, labels=labels)
        examples, _ = open_images(str(tmp_path / "b.npz"))
        assert [int(label) for _, label in examples.ordered().as_numpy_iterator()] == expected
        assert examples.class_names == (("cat", "dog") if isinstance(labels[0], str) else ("0", "1"))


def test_arrays_that_are_resized_say_so(tmp_path):
    np.savez(tmp_path / "a.npz", np.zeros((2, 8, 8, 3), np.uint8))
    assert open_images(str(tmp_path / "a.npz"))[0].notes == ()
    (note,) = open_images(str(tmp_path / "a.npz"), resolution=4)[0].notes
    assert "images of 8 x 8 pixels are cropped and resized to 4 x 4" in note
