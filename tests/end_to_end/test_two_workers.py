"""Two real processes that train together over loopback, and what becomes of them when one is killed or told to stop."""

import json
import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.runs import training
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.cluster import LostPeerError
from tests.closeness import LAYER, assert_close


def state(run, step=40):
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step:08d}" / "state"))
    return {name: reader.get_tensor(f"variables/{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in ("weights", "momentum")}


def saved(run):
    return CheckpointStore(run / "checkpoints").steps()


def until_saved(run, step, processes):
    while not saved(run) or saved(run)[-1] < step:
        assert all(p.is_alive() for p in processes), "ended before its checkpoint"
        time.sleep(0.01)


def pair(start, cluster, run, **options):
    return [start(run, name=f"worker{i}", environment=e, **options) for i, e in enumerate(cluster(2))]


def exit_codes(processes, seconds=120):
    for process in processes:
        process.join(seconds)
    return [process.exitcode for process in processes]


def assert_same_state(run, other):
    for name, value in state(other).items():
        assert_close(state(run)[name], value, relative=LAYER, name=name)
        assert np.abs(value).max() > 1e-3


def test_a_killed_worker_ends_both_and_all_go_on_to_an_undisturbed_runs_weights(start, cluster, tmp_path, undisturbed):
    """Also: two workers of one replica each are one process with the whole batch."""
    two = tmp_path / "two"
    chief, victim = pair(start, cluster, two, pause=0.1)
    until_saved(two, 10, [chief, victim])
    victim.kill()
    killed = time.monotonic()
    assert exit_codes([chief]) == [75]
    assert time.monotonic() - killed < 30
    assert "error: worker 1 (127.0.0.1:" in (tmp_path / "worker0.log").read_text()

    assert exit_codes(pair(start, cluster, two)) == [0, 0]
    assert "Resuming from step" in (tmp_path / "worker1.log").read_text()
    assert_same_state(two, undisturbed)


@pytest.mark.parametrize("told", [0, pytest.param(1, marks=pytest.mark.slow(reason="as for worker 0, seconds more"))])
def test_a_signal_to_one_of_two_stops_both_at_the_same_step(start, cluster, tmp_path, undisturbed, told):
    two = tmp_path / "two"
    workers = pair(start, cluster, two, pause=0.1)
    until_saved(two, 5, workers)
    os.kill(workers[told].pid, signal.SIGTERM)
    assert exit_codes(workers) == [75, 75]
    stopped = saved(two)[-1]
    assert 5 <= stopped < 40

    assert exit_codes([start(two, "--strategy=cpu")]) == [0]  # one process goes on with what two began
    assert f"Resuming from step {stopped}" in (tmp_path / "train.log").read_text()
    assert_same_state(two, undisturbed)


@pytest.mark.slow(reason="waits for what never comes")
def test_a_chief_that_is_killed_or_stopped_ends_the_other(start, cluster, tmp_path):
    for number, name in ((signal.SIGKILL, "killed"), (signal.SIGSTOP, "stopped")):
        run = tmp_path / name
        chief, other = pair(start, cluster, run, pause=0.1)
        until_saved(run, 5, [chief, other])
        os.kill(chief.pid, number)
        assert exit_codes([other]) == [75]
        assert "error: worker 0 (127.0.0.1:" in (tmp_path / "worker1.log").read_text()
        (tmp_path / "worker1.log").unlink()
        chief.kill()


@pytest.mark.slow(reason="the networks are compiled three times")
def test_the_networks_train_on_two_workers_as_on_two_devices_of_one(start, cluster, tmp_path):
    """The whole step through real collectives; few steps, as Adam is chaotic. Each replica has its own batch norm."""
    tiny = ["families.sagan.width=4", "families.sagan.discriminator_width=4", "families.sagan.attention=(8,)",
            "train.average=@MovingAverage()", "train.total_steps=3", "train.log_every=1"]  # fmt: skip
    flags = ["--gin_bindings=" + binding for binding in tiny]
    alone = start(tmp_path / "one", *flags, "--strategy=mirrored", environment={"REAL": "1", "DEVICES": "2"})
    both = [
        start(tmp_path / "two", *flags, name=f"worker{i}", environment=environment | {"REAL": "1"})
        for i, environment in enumerate(cluster(2))
    ]
    assert exit_codes([alone, *both], 600) == [0, 0, 0]
    logs = [(tmp_path / run / "train.jsonl").read_text().splitlines() for run in ("one", "two")]
    for line, other in zip(*logs, strict=True):
        for name in ("d_loss", "g_loss", "logits_real", "d_gradient_norm"):
            np.testing.assert_allclose(json.loads(other)[name], json.loads(line)[name], rtol=1e-3, err_msg=name)


@pytest.mark.slow(reason="the networks are compiled on two workers")
def test_two_workers_start_from_another_run_and_compile_their_parts(start, cluster, tmp_path, tiny_run):
    run, networks = tmp_path / "two", ("attention=(8,)", "width=4", "discriminator_width=8", "z_dim=8")
    flags = [f"--gin_bindings=families.sagan.{binding}" for binding in networks]
    flags += ["--gin_bindings=train.total_steps=2", "--gin_bindings=train.xla=True", f"--init_from={tiny_run}"]
    both = [
        start(run, *flags, name=f"worker{i}", environment=environment | {"REAL": "1"})
        for i, environment in enumerate(cluster(2))
    ]
    assert exit_codes(both, 600) == [0, 0]
    for log in ("worker0.log", "worker1.log"):
        text = (tmp_path / log).read_text()
        assert f"From {tiny_run}, step 4" in text and "updates of each of the 2 replicas" in text
    assert saved(run) == [0, 2]
    _, before = CheckpointStore(tiny_run / "checkpoints").load(("generator", "discriminator"))
    _, at_start = CheckpointStore(run / "checkpoints").load(("generator", "discriminator"), 0)
    for name, array in before.items():
        np.testing.assert_array_equal(at_start[name], array, err_msg=name)


def test_a_worker_whose_peer_never_starts_says_so_and_leaves(start, cluster, tmp_path):
    (alone, _) = cluster(2)
    assert exit_codes([start(tmp_path / "run", "--wait_for_workers=1", environment=alone)]) == [75]
    assert "worker 1 (127.0.0.1:" in (tmp_path / "train.log").read_text() and not (tmp_path / "run").exists()


def test_who_ends_a_little_earlier_is_not_lost(monkeypatch):
    class Gone:
        def total(self, *values):
            raise tf.errors.UnavailableError(None, None, "/job:worker/replica:0/task:1 has crashed")

        def lost_peer(self, error):
            return LostPeerError("worker 1 is gone")

    left = []
    monkeypatch.setattr(training, "leave", left.append)
    training.part(Gone(), 0)
    assert left == [0]
