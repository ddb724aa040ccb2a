"""Which processes of this machine are running."""

import os
import subprocess
from types import SimpleNamespace

import pytest

from sagan_tf.foundation import processes
from sagan_tf.foundation.processes import start_ticks


def test_a_process_has_its_start_until_it_ends():
    child = subprocess.Popen(["sleep", "60"])
    assert start_ticks(child.pid) > 0
    child.kill()
    child.wait()
    assert start_ticks(child.pid) == 0


def test_on_windows_no_signal_is_sent_to_ask_whether_a_process_is_alive(monkeypatch):
    kill = lambda *_: pytest.fail("Windows takes signal 0 for Ctrl-C")  # noqa: E731
    monkeypatch.setattr(processes, "os", SimpleNamespace(name="nt", kill=kill))
    assert start_ticks(os.getpid()) == 0
