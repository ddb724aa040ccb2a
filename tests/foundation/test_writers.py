"""Unfinished files are spared while their writer may be alive."""

import os
import subprocess
import time

import pytest

from sagan_tf.foundation import files, writers
from sagan_tf.foundation.processes import start_ticks
from sagan_tf.foundation.writers import may_be_writing, signature, writer_of


@pytest.fixture
def child():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def signed(folder, pid, *, ticks=None, machine=None):
    machine = machine or signature().split(".")[2]
    path = folder / f".tmp-version-{pid}.{start_ticks(pid) if ticks is None else ticks}.{machine}.01234567"
    path.mkdir()
    (path / "part").write_text("half")
    return path


def test_the_files_of_running_processes_are_spared_and_those_of_ended_ones_swept(tmp_path, child):
    own, others = tmp_path / f".tmp-a-{signature()}", signed(tmp_path, child.pid)
    own.touch()
    reused = signed(tmp_path, os.getpid(), ticks=1)  # the id of an earlier process
    unsigned = tmp_path / f".tmp-a-{os.getpid()}"
    unsigned.touch()
    files.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([own, others]) and (others / "part").exists()
    assert not reused.exists() and not unsigned.exists()
    assert writer_of(others) == f"process {child.pid}"
    child.kill()
    child.wait()
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [own] and not others.exists()


def test_the_files_of_another_machine_are_spared_until_they_are_old(tmp_path, monkeypatch):
    path = signed(tmp_path, 1, machine="0" * 8)
    assert may_be_writing(path) and writer_of(path) == "process 1 of another machine"
    old = time.time() - writers.ABANDONED - 60
    os.utime(path / "part", (old, old))
    assert may_be_writing(path)  # the folder has changed
    os.utime(path, (old, old))
    assert not may_be_writing(path)


def test_signatures_of_one_process_differ():
    assert len({signature() for _ in range(9)}) == 9
