"""Notes go to standard error, with a level; --verbosity chooses among them and leaves other libraries at warnings."""

import pytest
from absl import logging

from sagan_tf.foundation import notes


@pytest.fixture(autouse=True)
def usual_level():
    before = logging.get_verbosity()
    yield
    notes.set_level(0)
    logging.set_verbosity(before)


@pytest.mark.parametrize(
    ("verbosity", "told", "of_libraries"), [(-2, "", -2), (-1, "W", -1), (0, "IW", -1), (1, "IW", 1)]
)
def test_verbosity_chooses_what_is_told(verbosity, told, of_libraries, capsys):
    notes.set_level(verbosity)
    notes.note("it goes on")
    notes.warn("it may stop")
    captured = capsys.readouterr()
    assert "".join(line[0] for line in captured.err.splitlines()) == told and captured.out == ""
    assert logging.get_verbosity() == of_libraries


def test_a_note_has_its_time_and_place(capsys):
    notes.set_level(0)
    notes.note("it goes on")
    assert " test_notes.py:" in (line := capsys.readouterr().err) and line.endswith("] it goes on\n")
