"""Paths in the user's home folder."""

from pathlib import Path

from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.foundation.home_folder import with_home

ROOT = Path(__file__).parents[2]


def test_home_is_put_in_the_place_of_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/homes/me")
    assert with_home("~/pictures") == Path("/homes/me/pictures")
    assert with_home(Path("~")) == Path("/homes/me")
    assert with_home("a/~/b") == Path("a/~/b")


def test_a_tilde_before_the_name_of_no_user_is_part_of_a_folders_name(tmp_path, monkeypatch):
    """`Path.expanduser` raises a RuntimeError there, which a verb would show as a traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~no_such_user").mkdir()
    assert with_home("~no_such_user/b") == Path("~no_such_user/b")
    assert source_from_flag("~no_such_user").path == str(tmp_path / "~no_such_user")


def test_nothing_else_expands_it():
    asks = ".expanduser()"
    assert not [str(file) for file in (ROOT / "sagan_tf").rglob("*.py") if asks in file.read_text(encoding="utf-8")]
