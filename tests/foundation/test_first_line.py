import pytest

from sagan_tf.foundation.first_line import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (OSError("\n  \n  after blank lines\n"), "after blank lines"),
        (AssertionError(), "AssertionError"),
        (ValueError("x" * 300), "x" * 200),
    ],
)
def test_every_error_has_a_line(error, line):
    assert first_line(error) == line
