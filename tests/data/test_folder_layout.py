import os

import pytest

from sagan_tf.data.folder_layout import find_images
from sagan_tf.data.source import DataError


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


def test_class_folders_sorted_with_any_extension_and_any_name(tmp_path):
    found = find_images(
        tree(tmp_path, "zebra/b.PNG", "zebra/a.jpeg", "été chaud/x y.webp", "Bee/é.BMP", "ant/1.jpg"), None
    )
    assert found.class_names == ("Bee", "ant", "zebra", "été chaud")
    assert found.paths == ("Bee/é.BMP", "ant/1.jpg", "zebra/a.jpeg", "zebra/b.PNG", "été chaud/x y.webp")
    assert found.labels == (0, 1, 2, 2, 3)
    assert found.notes == ()


def test_other_files_are_counted_and_hidden_ones_passed_over(tmp_path):
    found = find_images(
        tree(
            tmp_path,
            "a/1.png",
            "b/1.png",
            "a/notes.txt",
            "b/more.txt",
            "b/film.gif",
            "a/.hidden.png",
            ".git/x.png",
            "__MACOSX/a/1.png",
            "a/Thumbs.db",
        ),
        None,
    )
    assert found.paths == ("a/1.png", "b/1.png")
    assert found.notes == (f"{tmp_path}: left out, being no images of the known kinds: 2 .txt, 1 .gif.",)


def test_split_folders(tmp_path):
    tree(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/2.png", "val/b/2.png")
    assert find_images(tmp_path, None).root == tmp_path / "train"
    assert find_images(tmp_path, "val").paths == ("a/2.png", "b/2.png")
    with pytest.raises(DataError, match=r"split='test' and .* with train, val"):
        find_images(tmp_path, "test")


def test_split_names_are_never_classes(tmp_path):
    found = find_images(tree(tmp_path, "train/1.png", "test/2.png"), None)
    assert found.class_names == ("train",) and found.paths == ("1.png",)


def test_splits_without_a_training_one_ask_which(tmp_path):
    with pytest.raises(DataError, match="test, val"):
        find_images(tree(tmp_path, "val/a/1.png", "test/a/1.png"), None)


def test_a_flat_folder_is_one_class_said_aloud(tmp_path):
    found = find_images(tree(tmp_path, "2.png", "1.png"), None)
    assert found.class_names == (tmp_path.name,) and found.paths == ("1.png", "2.png") and found.labels == (0, 0)
    assert "one class" in found.notes[0]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "holds none"),
        (("a/x.txt", "b/y.gif"), "holds none but 1 .txt, 1 .gif"),
        (("set/a/1.png", "set/b/1.png"), "Perhaps you mean .*/set"),
        (("a/1.png", "b/deep/1.png"), "too deep or more, in b/deep"),
        (("a/1.png", "b/x.txt"), "none in b"),
        (("a/1.png", "1.png"), "1 images of its own beside the folders a"),
        (("a/1.png",), "the one class a"),
    ],
)
def test_doubtful_layouts_are_refused(tmp_path, paths, message):
    with pytest.raises(DataError, match=message):
        find_images(tree(tmp_path, *paths), None)


def test_an_empty_class_folder_is_named(tmp_path):
    tree(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match="none in c"):
        find_images(tmp_path, None)


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match="not there"):
        find_images(tmp_path / "nowhere", None)
    with pytest.raises(DataError, match="a file"):
        find_images(tree(tmp_path, "x.png") / "x.png", None)


def test_links_in_a_circle_end(tmp_path):
    tree(tmp_path, "a/1.png", "b/1.png")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    found = find_images(tmp_path, None)
    assert found.paths == ("a/1.png", "b/1.png")
    assert "1 links in a circle" in found.notes[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_named(tmp_path):
    tree(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        with pytest.raises(DataError, match="/b, which is not"):
            find_images(tmp_path, None)
    finally:
        (tmp_path / "b").chmod(0o755)
