"""The lock of a run directory: who is refused, and whose lock is taken over."""

import dataclasses
import errno
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from sagan_tf.runs import lock
from sagan_tf.runs.lock import LockedError, TrainingLock
from sagan_tf.runs.lock_holder import Holder, start_ticks
from sagan_tf.runs.run_directory import LOCK


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.02)
    monkeypatch.setattr(lock, "STALE", 0.3)


def write(folder, *, age=0.0, **changes):
    """A lock of another holder, last touched `age` seconds ago."""
    other = dataclasses.replace(Holder.this_process(), token="other", **changes)
    path = folder / LOCK
    path.write_text(json.dumps(dataclasses.asdict(other)))
    os.utime(path, (time.time() - age,) * 2)
    return path


def holder_of(folder):
    return json.loads((folder / LOCK).read_text())


def test_the_lock_is_there_while_it_is_held_and_nothing_is_left(tmp_path):
    with TrainingLock(tmp_path / "run") as held:
        assert holder_of(tmp_path / "run")["pid"] == os.getpid()
        held.acquire()  # once more changes nothing
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["training.lock"]
    assert not list(tmp_path.iterdir())  # nor the directory, which was made for it
    (tmp_path / "run").mkdir()
    with TrainingLock(tmp_path / "run"):
        (tmp_path / "run" / "run.json").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]


def test_a_second_training_is_refused_at_once_with_host_process_and_start(tmp_path):
    with TrainingLock(tmp_path):
        first = holder_of(tmp_path)
        began = time.monotonic()
        with pytest.raises(
            LockedError, match=f"received --run_dir={re.escape(str(tmp_path))}, which is being"
        ) as error:
            TrainingLock(tmp_path).acquire()
        assert time.monotonic() - began < 1
        assert f"process {first['pid']} on {first['host']} since {first['started']}" in str(error.value)
        assert holder_of(tmp_path) == first


def test_the_lock_of_a_killed_process_does_not_block(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    write(tmp_path, pid=process.pid, ticks=start_ticks(process.pid))
    with pytest.raises(LockedError, match=f"process {process.pid} on"):
        TrainingLock(tmp_path).acquire()
    process.kill()  # and not waited for: a zombie, as in a container without an init process
    deadline = time.monotonic() + 5
    while start_ticks(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    with TrainingLock(tmp_path):
        assert time.monotonic() - began < 1 and holder_of(tmp_path)["pid"] == os.getpid()
    process.wait()


def test_a_process_id_that_is_used_again_is_not_the_holder(tmp_path):
    write(tmp_path, ticks=1)
    with TrainingLock(tmp_path):
        assert holder_of(tmp_path)["token"] != "other"


@pytest.mark.parametrize(
    "changes", [{"host": "elsewhere", "machine": "another boot"}, {"machine": "before the reboot"}]
)
def test_a_lock_from_elsewhere_is_dead_when_it_was_not_touched_for_long(tmp_path, changes):
    write(tmp_path, age=lock.STALE + 5, **changes)
    began = time.monotonic()
    with TrainingLock(tmp_path):
        assert time.monotonic() - began < 1 and holder_of(tmp_path)["token"] != "other"


def test_a_fresh_lock_from_elsewhere_is_watched_and_then_taken_over(tmp_path, quick):
    write(tmp_path, host="elsewhere", machine="another boot")
    said = []
    with TrainingLock(tmp_path, say=said.append):
        assert holder_of(tmp_path)["token"] != "other"
    assert len(said) == 1 and f"process {os.getpid()} on elsewhere; waiting up to 0 s" in said[0]


def test_the_lock_in_a_copy_of_a_run_in_training_does_not_block(tmp_path, quick):
    with TrainingLock(tmp_path / "run"):
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        with TrainingLock(tmp_path / "copy"), pytest.raises(LockedError):
            TrainingLock(tmp_path / "run").acquire()


def test_a_lock_from_elsewhere_that_is_touched_is_alive(tmp_path, quick, monkeypatch):
    path = write(tmp_path, host="elsewhere", machine="another boot")
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: os.utime(path, (time.time() + 1,) * 2))
    with pytest.raises(LockedError, match="on elsewhere since"):
        TrainingLock(tmp_path, say=lambda line: None).acquire()
    assert holder_of(tmp_path)["token"] == "other"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"pid": 3}'])
def test_a_damaged_lock_blocks_no_longer_than_a_foreign_one(tmp_path, quick, text):
    (tmp_path / LOCK).write_text(text)
    with TrainingLock(tmp_path, say=lambda line: None):
        assert holder_of(tmp_path)["pid"] == os.getpid()


def test_a_file_system_without_hard_links_locks_too(tmp_path, monkeypatch):
    def link(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(lock.os, "link", link)
    with TrainingLock(tmp_path), pytest.raises(LockedError):
        TrainingLock(tmp_path).acquire()
    assert not list(tmp_path.iterdir())


def test_a_held_lock_is_touched_and_comes_back_when_it_is_deleted(tmp_path, quick):
    with TrainingLock(tmp_path) as held:
        os.utime(held.path, (0, 0))
        until(lambda: held.path.stat().st_mtime > 0)
        held.path.unlink()
        until(held.path.exists)
    assert not held.path.exists()


def test_a_holder_whose_lock_was_taken_over_ends_without_saving(tmp_path, quick, monkeypatch, capsys):
    left = []
    monkeypatch.setattr(lock.os, "_exit", left.append)
    held = TrainingLock(tmp_path)
    held.acquire()
    write(tmp_path, host="elsewhere", machine="another boot")
    until(lambda: left)
    held.release()
    assert left[0] == 2 and "taken over by process" in capsys.readouterr().err
    assert holder_of(tmp_path)["token"] == "other"  # not ours to remove


def until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_lock_can_be_taken_again_and_is_touched_then_too(tmp_path, quick):
    held = TrainingLock(tmp_path)
    for _ in range(2):
        held.acquire()
        os.utime(held.path, (0, 0))
        until(lambda: held.path.stat().st_mtime > 0)
        held.release()


def test_a_lock_that_could_not_be_written_is_not_left_behind(tmp_path, monkeypatch):
    def full(holder, file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lock, "_write", full)
    with pytest.raises(OSError, match="No space"):
        TrainingLock(tmp_path).acquire()
    assert not list(tmp_path.iterdir())
