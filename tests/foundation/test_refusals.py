"""Which errors are told in their own words, which as another library's, and which are faults of the program."""

import json
from pathlib import Path

import pytest

import sagan_tf
from sagan_tf.foundation.refusals import REFUSED, answered, sentence
from sagan_tf.models import families


def test_a_value_error_raised_in_any_room_is_told_as_it_is(capsys):
    assert answered(lambda: families.sagan(attention=(7,))) == REFUSED
    told = capsys.readouterr().err
    assert told.startswith("error: attention_g must be a tuple") and told.endswith("For none, give ().\n")


def test_a_value_error_of_a_library_names_the_line_of_ours_that_called_it():
    place = Path(sagan_tf.__file__).parent / "room" / "file.py"
    names = {"json": json}
    exec(compile("def read(text):\n    return json.loads(text)", str(place), "exec"), names)
    with pytest.raises(ValueError, match="Expecting property name") as error:
        names["read"]("{]")
    told = sentence(error.value)
    assert told.endswith(" (in sagan_tf/room/file.py, line 2). SAGAN_TF_TRACEBACK=1 shows where this comes from.")


def test_an_unknown_error_is_a_fault_of_the_program_and_keeps_its_traceback():
    def fault():
        raise KeyError("x")

    assert sentence(KeyError("x")) is None
    with pytest.raises(KeyError):
        answered(fault)
