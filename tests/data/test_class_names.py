import dataclasses

import pytest

from sagan_tf.data.class_names import in_order, indices_in, listed, relabeled
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.source import DataError


def matched(reference, names, **kinds):
    return indices_in(reference, names, of="A", to="B", **kinds).tolist()


def test_order():
    assert in_order(["10", "9", "-1", "007", "7"]) == ("-1", "007", "7", "9", "10")
    assert in_order(["10", "9", "x"]) == ("10", "9", "x")
    assert in_order(["1", "²"]) == ("1", "²")


def test_names_are_matched_by_name():
    assert matched(("0", "1", "2"), ("1", "2")) == [1, 2]
    assert matched(("cat", "dog"), ("dog", "cat")) == [1, 0]
    with pytest.raises(DataError, match=r"received cow, which is not.*A: 0 cow, 1 dog. .*B: 0 cat, 1 dog"):
        matched(("cat", "dog"), ("cow", "dog"))


def test_bare_numbers_are_indices_unless_they_may_be_names():
    assert matched(("cat", "dog", "emu"), ("0", "1"), kind="numbered") == [0, 1]
    assert matched(("0", "1", "2"), ("0", "1"), kind="numbered") == [0, 1]
    assert matched(("0", "1"), ("0", "1"), reference_kind="numbered") == [0, 1]
    with pytest.raises(DataError, match=r"an index or a name.*0 0, 1 1.*0 1, 1 2"):
        matched(("1", "2"), ("0", "1"), kind="numbered")
    with pytest.raises(DataError, match="an index or a name"):
        matched(("0", "1", "10", "2"), ("0", "1"), kind="numbered")
    with pytest.raises(DataError, match="below 2; received labels up to 2"):
        matched(("cat", "dog"), ("0", "1", "2"), kind="numbered")
    with pytest.raises(DataError, match=r"can't be matched with bare numbers.*class_names"):
        matched(("0", "1", "2"), ("1", "2"), reference_kind="numbered")


def test_data_without_classes_match_nothing():
    with pytest.raises(DataError, match="received A without classes"):
        matched(("cat", "dog"), ("folder",), kind="none")


def test_long_lists_are_cut():
    assert listed(("a", "b")) == "0 a, 1 b"
    assert listed([str(i) for i in range(100)], most=4) == "0 0, 1 1, 2 2, ..., 99 99"


def test_examples_are_relabeled_by_name():
    examples = ProceduralSource(n_examples=10).open(8)
    backwards = relabeled(examples, examples.class_names[::-1])
    assert [int(label) for _, label in backwards.ordered().as_numpy_iterator()] == list(range(9, -1, -1))
    rotated = relabeled(examples, (*examples.class_names[3:], *examples.class_names[:3]))  # not its own inverse
    assert [int(label) for _, label in rotated.ordered().as_numpy_iterator()] == [7, 8, 9, *range(7)]
    drawn = zip(
        examples.stream(seed=1).take(5).as_numpy_iterator(),
        backwards.stream(seed=1).take(5).as_numpy_iterator(),
        strict=True,
    )
    assert all(int(before[1]) == 9 - int(now[1]) for before, now in drawn)
    with pytest.raises(DataError, match="received bricks"):
        relabeled(examples, ("cat", *[name for name in examples.class_names if name != "bricks"]))
    flat = dataclasses.replace(examples, class_names=("val",), label_kind="none")
    assert relabeled(flat, ("train",)).class_names == ("train",)
