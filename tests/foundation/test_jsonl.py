"""Lines are whole or gone, whatever cut them short."""

import json

import pytest

from sagan_tf.foundation import jsonl


def test_records_are_read_as_they_were_appended(tmp_path):
    path = tmp_path / "new" / "metrics.jsonl"
    assert jsonl.read(path) == []
    jsonl.append(path, {"step": 1, "name": "Käfer\u2028"}, durable=True)
    jsonl.append(path, {"step": 2, "fid": None})
    assert jsonl.read(path) == [{"step": 1, "name": "Käfer\u2028"}, {"step": 2, "fid": None}]
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("torn", [b'{"step": 2, "d_l', b'{"name": "K\xc3', b"\0\0\0", b'{"long": "' + b"x" * 200_000])
def test_a_torn_last_line_is_left_out_and_removed_by_the_next(tmp_path, torn):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"step": 1}\n' + torn)
    assert jsonl.read(path) == [{"step": 1}]
    jsonl.append(path, {"step": 3})
    assert path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


def test_a_file_that_is_one_torn_line_begins_anew(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"st')
    jsonl.append(path, {"step": 3})
    assert path.read_bytes() == b'{"step": 3}\n'


def test_a_last_line_that_lacks_only_its_newline_is_kept(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2}')
    jsonl.append(path, {"step": 3})
    assert [record["step"] for record in jsonl.read(path)] == [1, 2, 3]


@pytest.mark.parametrize("damage", ["oops", "3", '"text"'])
def test_a_damaged_line_is_named(tmp_path, damage):
    path = tmp_path / "train.jsonl"
    path.write_text(f'{{"step": 1}}\n{damage}\n{{"step": 3}}\n')
    with pytest.raises(jsonl.JsonLinesError, match=rf"train\.jsonl .*line 2: '{damage}'.* Correct or remove"):
        jsonl.read(path)


def test_a_line_that_a_full_disk_cut_is_taken_back(tmp_path, limited_file_size):
    path = tmp_path / "train.jsonl"
    jsonl.append(path, {"step": 1})
    with limited_file_size(100), pytest.raises(OSError, match=r"File too large.*train\.jsonl"):
        jsonl.append(path, {"step": 2, "long": "x" * 500})
    assert path.read_bytes() == b'{"step": 1}\n'


def test_later_steps_are_cut_off(tmp_path):
    path = tmp_path / "health.jsonl"
    jsonl.cut_after(path, 20)
    assert not path.exists()
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (10, 20, 30)) + 'damaged\n{"step": 4')
    jsonl.cut_after(path, 20)
    assert path.read_text() == '{"step": 10}\n{"step": 20}\n'
