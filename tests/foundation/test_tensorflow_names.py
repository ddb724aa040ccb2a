"""Outputs of TensorFlow's have names in UTF-8; other files may have any."""

import json
from pathlib import Path

import pytest

from sagan_tf.foundation import files
from sagan_tf.foundation.tensorflow_names import check_tensorflow_name, readable_by_tensorflow

BYTES = b"caf\xe9".decode("utf-8", "surrogateescape")


def test_a_name_that_tensorflow_does_not_take_is_refused_before_any_work():
    with pytest.raises(files.OutputError, match="--out must have a name in UTF-8, since TensorFlow takes no other"):
        check_tensorflow_name("--out", f"/data/{BYTES}/export")
    check_tensorflow_name("--out", "/data/café/猫", read_there=True)
    check_tensorflow_name("--out", "/data/run [2]")
    for path in ("/data/run [2]", "/data/a\\b/c"):
        with pytest.raises(files.OutputError, match="--out must have no bracket or backslash in its path"):
            check_tensorflow_name("--out", path, read_there=True)


@pytest.mark.parametrize("name", ["run", "run *?", "run [2]", "a\\b"])
def test_a_folder_can_be_read_under_a_name_that_is_no_pattern(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "file").write_text("x")
    with readable_by_tensorflow(tmp_path / name) as place:
        assert not set(place) & set("[\\") and Path(place, "file").read_text() == "x"
        assert (place == str(tmp_path / name)) is (name in ("run", "run *?"))
    assert (tmp_path / name / "file").exists() and Path(place).exists() is (place == str(tmp_path / name))


def test_json_with_such_a_name_is_written_and_read_back(tmp_path):
    files.write_text(tmp_path / "run.json", json.dumps({"command": BYTES, "猫": 1}, ensure_ascii=False))
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"command": BYTES, "猫": 1} and "猫" in text
