"""Files are replaced whole or stay as they were; what the disk refuses becomes one sentence."""

import errno
import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from sagan_tf.foundation import files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_when_its_block_ends_well(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with files.replacing(path, durable=True) as temporary:
        temporary.write_text("one")
        assert not path.exists() and temporary.parent == path.parent
    files.write_text(path, "Käfer")
    assert path.read_bytes() == "Käfer".encode() and names(path.parent) == ["a.txt"]


def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("former")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "former" and names(tmp_path) == ["a.txt"]


def test_an_error_names_the_file_that_was_meant(tmp_path, limited_file_size):
    path = tmp_path / "a.txt"
    with limited_file_size(10), pytest.raises(OSError, match=r"File too large: '.*/a\.txt'"):
        files.write_text(path, "x" * 100)
    assert names(tmp_path) == []


def test_all_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("replace"), replace(a, b)))
    files.write_text(tmp_path / "a.txt", "one", durable=True)
    assert events[0].startswith(str(tmp_path / f".tmp-a.txt-{os.getpid()}."))
    assert events[1:] == ["replace", str(tmp_path)]


def test_writers_of_one_file_do_not_share_a_temporary_one(tmp_path):
    """Processes of two containers may have the same id, and threads have."""
    with files.replacing(tmp_path / "a") as first:
        first.write_text("one, and longer")
        files.write_text(tmp_path / "a", "two")
    assert (tmp_path / "a").read_text() == "one, and longer" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "猫" * 83 + ".txt"])
def test_the_longest_names_can_be_written(tmp_path, name):
    files.write_text(tmp_path / name, "one")
    assert names(tmp_path) == [name]


def test_the_module_can_be_imported_where_errno_lacks_the_numbers_of_linux(monkeypatch):
    monkeypatch.delattr(errno, "EREMOTEIO")  # as on macOS and Windows
    text = Path(files.__file__).read_text(encoding="utf-8")
    exec(compile(text, files.__file__, "exec"), {"__name__": "elsewhere"})


def test_on_windows_files_are_flushed_for_writing_and_folders_are_left(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("one")
    opened = []
    windows = SimpleNamespace(
        name="nt", path=os.path, O_RDWR=os.O_RDWR, fsync=os.fsync, close=os.close,
        open=lambda path, how: (opened.append((Path(path).name, how)), os.open(path, how))[1],
    )  # fmt: skip
    monkeypatch.setattr(files, "os", windows)
    files.flush(tmp_path)
    files.flush(tmp_path / "a")
    assert opened == [("a", os.O_RDWR)]


@pytest.mark.parametrize("target", ["folder", "device"])
def test_folders_and_devices_are_never_replaced(tmp_path, target, monkeypatch):
    path = tmp_path / target
    path.mkdir() if target == "folder" else os.mkfifo(path)
    monkeypatch.setattr(os, "replace", lambda *_: pytest.fail("replaced"))
    with pytest.raises(OSError, match=target if target == "folder" else "not a regular file"):
        files.write_text(path, "text")


def test_the_unfinished_is_swept(tmp_path):
    (tmp_path / ".tmp-step-1-9" / "deep").mkdir(parents=True)
    (tmp_path / ".tmp-run.json-9").write_text("{")
    (tmp_path / "run.json").write_text("{}")
    files.sweep(tmp_path)
    assert names(tmp_path) == ["run.json"]


def test_sha256_is_that_of_the_whole_content(tmp_path):
    content = bytes(range(256)) * 40_000
    (tmp_path / "a").write_bytes(content)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SAGAN_TF_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a/reference"),
        ({"SAGAN_TF_CACHE": "~/own", "HOME": "/c"}, "/c/own/reference"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/sagan_tf/reference"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/c"}, "/c/.cache/sagan_tf/reference"),
        ({"HOME": "/c"}, "/c/.cache/sagan_tf/reference"),
    ],
)
def test_one_cache_root_that_obeys_the_environment(monkeypatch, variables, expected):
    for name in ("SAGAN_TF_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert files.cache_folder("reference") == Path(expected)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/run/a"), r"^/run/a could not be written \(No space left .*"
         r"MB are free there\. Finished files are .* free some space and repeat the command\.$"),
        (OSError(errno.EROFS, "Read-only file system", "/run/a"), r"^/run/a must exist and be accessible; received: "
         r"Read-only file system\. Check the path and its permissions, or choose another location\.$"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/run/a"), r"^/run/a .*Restore it, or check"),
        (tf.errors.NotFoundError(None, None, "{{node ReadFile}} /data/ä b.png; No such file or directory\n\t [[x]]"),
         r"^/data/ä b\.png must exist and be accessible; received: No such file or directory\. Restore it"),
        (tf.errors.FailedPreconditionError(None, None, "{{node Create}} /run/a is not a directory [Op:Create]"),
         r"^/run/a must exist and be accessible; received: Not a directory\. Check the path"),
        (tf.errors.ResourceExhaustedError(None, None, "/run/state.data; No space left on device"),
         r"^/run/state\.data could not be written \(No space left on device\)"),
        (OSError(errno.ENOSPC, "No space left on device"), "^/place could not be written"),
    ],
)  # fmt: skip
def test_errors_of_the_disk_are_one_sentence_with_path_and_remedy(error, message):
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(files.explain(error, "/place"))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x (No such file or directory)"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        BrokenPipeError(32, "pipe"),
    ],
)
def test_other_errors_are_not_explained(error):
    assert files.explain(error) is None and files.reason(error) is None


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("new/deep/a.png", {}),
        ("file", {}),
        ("file", {"append": True}),
        ("folder", {"folder": True}),
        ("new/deep", {"folder": True}),
    ],
)
def test_outputs_that_can_be_written_pass_and_nothing_is_left(tmp_path, path, options):
    (tmp_path / "file").write_text("content")
    (tmp_path / "folder").mkdir()
    files.check_output("--out", tmp_path / path, **options)
    assert names(tmp_path) == ["file", "folder"] and (tmp_path / "file").read_text() == "content"
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    ("path", "options", "why"),
    [
        ("file/a.png", {}, "Not a directory"),
        ("file/deep/a.png", {}, "Not a directory"),
        ("file", {"folder": True}, "Not a directory"),
        ("folder", {}, "Is a directory"),
        ("folder", {"append": True}, "Is a directory"),
        ("/proc/a.png", {}, "No such file or directory"),
        ("/proc/runs", {"folder": True}, "No such file or directory"),
        ("/dev/null", {}, "not a regular file"),
        ("x" * 300, {}, "File name too long"),
        ("a\0b", {}, "null"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused(tmp_path, path, options, why):
    (tmp_path / "file").write_text("content")
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        files.OutputError, match=rf"^--out must be a f\w+ that can be written; .*{why}.* Choose another"
    ):
        files.check_output("--out", tmp_path / path, **options)


def test_a_full_disk_is_found_before_the_work(tmp_path, limited_file_size):
    with limited_file_size(100), pytest.raises(files.OutputError, match=r"File too large; \d+ MB are free"):
        files.check_output("--out", tmp_path / "a.png")
    assert names(tmp_path) == []


def test_what_is_dispensable_is_noted_once_a_kind(capsys):
    for number in (1, 2):
        with files.dispensable(f"{test_what_is_dispensable_is_noted_once_a_kind.__name__}"):
            raise OSError(errno.EROFS, "Read-only file system", f"/cache/{number}")
    _, told = capsys.readouterr().err.split("] ")
    assert told == (
        "test_what_is_dispensable_is_noted_once_a_kind could not be written (Read-only file system: /cache/1). "
        "The command continues without it.\n"
    )
    with pytest.raises(ValueError, match="mistake"), files.dispensable("the cache"):
        raise ValueError("mistake")
