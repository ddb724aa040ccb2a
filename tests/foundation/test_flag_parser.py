"""What every verb's flags share beyond argparse's."""

import pytest

from sagan_tf.foundation.flag_parser import Parser


def test_paths_at_home_are_given_in_full(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/ada")
    parser = Parser(prog="verb")
    parser.add_argument("--run_dir")
    parser.add_argument("--files", action="append")
    (tmp_path / "flags").write_text("--files=~/b.gin\n")
    found = parser.parse_args(["--run_dir=~/runs/a", "--files=~", "--files=a~/b", f"--flagfile={tmp_path}/flags"])
    assert found.run_dir == "/home/ada/runs/a" and found.files == ["/home/ada", "a~/b", "/home/ada/b.gin"]
    assert parser.parse_args(["--run_dir=~b"]).run_dir == "~b"


def test_a_flagfile_of_other_bytes_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "flags").write_bytes(b"--run_dir=caf\xe9\n")
    with pytest.raises(SystemExit, match="2"):
        Parser(prog="verb").parse_args([f"--flagfile={tmp_path}/flags"])
    assert "--flagfile must be text in UTF-8; received one with" in capsys.readouterr().err
