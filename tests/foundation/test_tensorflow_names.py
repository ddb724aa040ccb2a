"""Outputs of TensorFlow's have names in UTF-8; other files may have any."""

import json

import pytest

from sagan_tf.foundation import files
from sagan_tf.foundation.tensorflow_names import check_tensorflow_name

BYTES = b"caf\xe9".decode("utf-8", "surrogateescape")


def test_a_name_that_tensorflow_does_not_take_is_refused_before_any_work():
    with pytest.raises(files.OutputError, match="--out must have a name in UTF-8, since TensorFlow takes no other"):
        check_tensorflow_name("--out", f"/data/{BYTES}/export")
    check_tensorflow_name("--out", "/data/café/猫")


def test_json_with_such_a_name_is_written_and_read_back(tmp_path):
    files.write_text(tmp_path / "run.json", json.dumps({"command": BYTES, "猫": 1}, ensure_ascii=False))
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"command": BYTES, "猫": 1} and "猫" in text
