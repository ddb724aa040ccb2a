"""Commands in processes of their own, forked from one that has imported TensorFlow and done nothing with it."""

import json
import multiprocessing
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

_forks = multiprocessing.get_context("forkserver")
# The verb itself imports TensorFlow only after its flags are parsed; its body, whenever it is imported.
_forks.set_forkserver_preload(["sagan_tf.runs.training"])


def begin(log, run, *flags, environment=None, pause=0.0):
    """One command of small_run in a process of its own; its screen goes to the file `log`."""
    import small_run

    arguments = [[f"--run_dir={run}", *flags], str(log), environment or {}, pause]
    process = _forks.Process(target=small_run.main, args=arguments, daemon=True)
    process.start()
    return process


@pytest.fixture
def start(tmp_path):
    """start(run, *flags, name="train", environment={}, pause=0.0): `begin` with tmp_path / NAME.log, ended at the end.

    pause: seconds that each call of steps takes longer.
    """
    begun = []

    def start(run, *flags, name="train", **options):
        begun.append(begin(tmp_path / f"{name}.log", run, *flags, **options))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.join()


@pytest.fixture
def small(monkeypatch):
    """small(run, *flags): the same command in this very process; its exit code."""
    import small_run

    from sagan_tf import train
    from sagan_tf.runs import build

    monkeypatch.setattr(build, "build_state", small_run.build_small)
    monkeypatch.setattr(build, "build_steps", small_run.build_steps)
    return lambda run, *flags: train.main([*small_run.SMALL, f"--run_dir={run}", *flags])


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A finished run that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    process = begin(folder / "train.log", folder / "run")
    process.join()
    assert process.exitcode == 0
    return folder / "run"


@pytest.fixture
def cluster():
    """cluster(n): the environments of n workers on this machine, at ports that are free."""

    def environments(n):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
        addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
        for s in sockets:
            s.close()
        return [
            {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}})}
            for i in range(n)
        ]

    return environments
