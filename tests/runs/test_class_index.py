import pytest

from sagan_tf.runs.class_index import class_index
from sagan_tf.runs.run_directory import RunError

DIGITS = ("0", "1", "10", "2")  # as a run begun before recorded them


@pytest.mark.parametrize(
    ("word", "names", "index"),
    [
        ("2", DIGITS, 3),
        ("02", DIGITS, 3),
        (2, DIGITS, 2),
        ("dog", ("cat", "dog"), 1),
        ("1", ("cat", "dog"), 1),
        ("1", ("cat", "1"), 1),
        ("7", ("7", "cat"), 0),
        ("²", ("²", "x"), 0),
    ],
)
def test_a_class_is_told_by_name_or_index(word, names, index):
    assert class_index(word, names) == index


@pytest.mark.parametrize(
    ("word", "names", "message"),
    [
        ("3", DIGITS, "received '3'.*0 0, 1 1, 2 10, 3 2"),
        ("²", DIGITS, "received '²'"),
        (4, DIGITS, "received 4"),
        (1.5, DIGITS, "received 1.5"),
        (-1, ("cat", "dog"), "received -1"),
        ("-1", ("cat", "dog"), "received '-1'"),
        ("1", ("1", "cat"), "name of class 0 and the index of 'cat'"),
    ],
)
def test_what_is_no_class_or_may_be_two_is_refused(word, names, message):
    with pytest.raises(RunError, match=message):
        class_index(word, names)
