"""Any class's name becomes a part of a file name that a disk takes."""

import pytest

from sagan_tf.foundation.file_names import MOST_BYTES, in_file_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("golden retriever", "golden_retriever"), ("a/b:c*", "a_b_c_"), ("été-1_x", "été-1_x"), ("", "")],
)
def test_other_characters_than_letters_and_digits_become_underscores(name, expected):
    assert in_file_name(name) == expected


def test_a_long_name_is_cut_between_characters():
    assert in_file_name("猫" * 85) == "猫" * (MOST_BYTES // 3)
