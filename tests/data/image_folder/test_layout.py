import json
import os

import pytest

from sagan_tf.data.image_folder.layout import find_images
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
    assert found.notes == (f"{tmp_path}: files in other formats are ignored: 2 .txt, 1 .gif.",)


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


def test_a_flat_folder_has_no_classes_said_aloud(tmp_path):
    found = find_images(tree(tmp_path, "2.png", "1.png"), None)
    assert found.class_names == (tmp_path.name,) and found.paths == ("1.png", "2.png") and found.labels == (0, 0)
    assert "no classes" in found.notes[0] and found.label_kind == "none"


def test_a_single_class_folder_has_no_classes_either_said_aloud(tmp_path):
    found = find_images(tree(tmp_path, "cats/2.png", "cats/1.png"), None)
    assert found.class_names == ("cats",) and found.paths == ("cats/1.png", "cats/2.png") and found.labels == (0, 0)
    assert "single class folder, cats" in found.notes[0] and found.label_kind == "none"
    of_many = find_images(tmp_path, None, class_names=("cats", "dogs"))  # the rest of a data set that had two
    assert of_many.class_names == ("cats", "dogs") and of_many.label_kind == "named"
    measured = find_images(tmp_path, None, any_layout=True)  # to be compared with the samples of that class
    assert measured.class_names == ("cats",) and measured.label_kind == "named"


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "contains none"),
        (("a/x.txt", "b/y.gif"), "contains none but 1 .txt, 1 .gif"),
        (("set/a/1.png", "set/b/1.png"), r"Perhaps you mean .*/set\."),
        (("x/plain/a/1.png", "x/plain/b/1.png"), r"Perhaps you mean .*/x/plain\."),
        (("a/1.png", "b/deep/1.png"), "too deep, in b/deep"),
        (("a/1.png", "b/x.txt"), "none in b"),
        (("a/1.png", "1.png"), "1 images outside the folders a"),
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
    with pytest.raises(DataError, match="which is missing"):
        find_images(tmp_path / "nowhere", None)
    with pytest.raises(DataError, match="a file"):
        find_images(tree(tmp_path, "x.png") / "x.png", None)


def test_links_in_a_circle_end(tmp_path):
    tree(tmp_path, "a/1.png", "b/1.png")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    found = find_images(tmp_path, None)
    assert found.paths == ("a/1.png", "b/1.png")
    assert "1 circular links" in found.notes[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_named(tmp_path):
    tree(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    try:
        with pytest.raises(DataError, match="/b, which is not"):
            find_images(tmp_path, None)
    finally:
        (tmp_path / "b").chmod(0o755)


def test_integer_names_sort_by_value_and_others_by_code_point(tmp_path):
    numbered = tree(tmp_path / "n", *(f"{i}/x.png" for i in range(12)))
    assert find_images(numbered, None).class_names == tuple(map(str, range(12)))
    mixed = tree(tmp_path / "m", "10/x.png", "9/x.png", "ten/x.png", "²/x.png")
    assert find_images(mixed, None).class_names == ("10", "9", "ten", "²")


def test_labels_index_the_names_that_are_given(tmp_path):
    tree(tmp_path, "2/x.png", "10/x.png", "9/x.png")
    before = find_images(tmp_path, None, class_names=("10", "2", "9"))
    assert before.class_names == ("10", "2", "9")
    assert before.paths == ("10/x.png", "2/x.png", "9/x.png") and before.labels == (0, 1, 2)
    part = find_images(tmp_path, None, class_names=("2", "3", "9", "10"))
    assert part.labels == (0, 2, 3)
    with pytest.raises(DataError, match=r"received 10, which is not.*0 2, 1 9, 2 10.*0 2, 1 9"):
        find_images(tmp_path, None, class_names=("2", "9"))


@pytest.mark.parametrize(
    ("paths", "class_names", "kind"),
    [
        (("2/x.png",), ("2",), "named"),
        (("a/1.png", "b/c/1.png"), ("d",), "none"),
        (("a/1.png", "1.png"), ("d",), "none"),
        (("val/a/1.png", "test/a/1.png"), ("d",), "none"),
        (("train/a/1.png", "train/b/1.png", "val/c/1.png"), ("a", "b"), "named"),
    ],
)
def test_any_layout_can_be_measured(tmp_path, paths, class_names, kind):
    tree(tmp_path / "d", *paths)
    (tmp_path / "d" / "train" if paths[0].startswith("train") else tmp_path / "d").joinpath("empty").mkdir()
    found = find_images(tmp_path / "d", None, any_layout=True)
    assert (found.class_names, found.label_kind) == (class_names, kind)
    assert len(found.paths) == (2 if class_names == ("a", "b") else len(paths))


def test_names_that_are_not_utf8_are_kept_and_can_be_printed(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"\xe9t\xe9")
    os.mkdir(folder)
    open(os.path.join(folder, b"caf\xe9.png"), "wb").close()
    found = find_images(tree(tmp_path, "b/1.png"), None)
    assert found.class_names == (r"\xe9t\xe9", "b")
    assert os.fsencode(found.paths[0]) == b"\xe9t\xe9/caf\xe9.png"


def test_files_without_an_extension_are_told_by_their_bytes_where_none_has_one(tmp_path):
    for name, head in (("a/1", b"\x89PNG\r\n\x1a\n"), ("b/2", b"\xff\xd8\xff"), ("b/README", b"text")):
        tree(tmp_path, name).joinpath(name).write_bytes(head)
    found = find_images(tmp_path, None)
    assert found.paths == ("a/1", "b/2") and "1 without an extension" in found.notes[0]
    found = find_images(tree(tmp_path, "a/x.png", "b/x.png"), None)
    assert found.paths == ("a/x.png", "b/x.png") and "3 without an extension" in found.notes[0]


def test_labels_of_dataset_json(tmp_path):
    tree(tmp_path, "00000/a.png", "00000/b.png", "00001/c.png")
    labels = {"labels": [["00000/a.png", 10], ["00000/b.png", 9], ["00001/c.png", 10]]}
    (tmp_path / "dataset.json").write_text(json.dumps(labels))
    found = find_images(tmp_path, None)
    assert found.class_names == ("9", "10") and found.labels_from == "dataset.json"
    assert dict(zip(found.paths, found.labels, strict=True)) == {"00000/a.png": 1, "00000/b.png": 0, "00001/c.png": 1}
    (tmp_path / "dataset.json").write_text('{"labels": null}')
    assert find_images(tmp_path, None).label_kind == "none"
    for wrong, message in (
        ({"labels": labels["labels"][1:]}, "1 without a label .*: 00000/a.png"),
        ({"labels": [*labels["labels"], ["gone.png", 1]]}, "1 without an image .*: gone.png"),
        ({"labels": [["00000/a.png", [0.5, 1]]]}, "pairs of a file name and an integer"),
    ):
        (tmp_path / "dataset.json").write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=message):
            find_images(tmp_path, None)


def test_a_table_of_labels_that_is_not_read_is_named(tmp_path):
    (note,) = [note for note in find_images(tree(tmp_path, "1.png", "labels.csv"), None).notes if "is not read" in note]
    assert "labels.csv is not read" in note and "class folders" in note


def test_an_image_with_two_labels_in_dataset_json_is_refused(tmp_path):
    tree(tmp_path, "a.png", "b.png")
    rows = [["a.png", 1], ["b.png", 2], ["a.png", 2]]
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": rows}))
    with pytest.raises(DataError, match=r"one label in dataset\.json; received several for 1 in .*: a\.png"):
        find_images(tmp_path, None)
