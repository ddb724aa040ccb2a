"""The clusters that the environment describes, and the wait for their workers."""

import json
import socket
import threading

import pytest

from sagan_tf.training.cluster import (
    Cluster,
    ClusterError,
    LostPeerError,
    cluster_from_environment,
    expand_counts,
    expand_hosts,
    gather,
)


def tf_config(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_tf_config_puts_the_chief_first():
    assert cluster_from_environment({}) is None
    assert cluster_from_environment({"TF_CONFIG": "{}"}) is None
    roles = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    found = cluster_from_environment(tf_config(roles, "worker", 1))
    assert found == Cluster(addresses=("a:1", "b:1", "c:1"), index=2) and found.name(2) == "worker 2 (c:1)"
    assert cluster_from_environment(tf_config(roles, "chief")).index == 0
    assert cluster_from_environment(tf_config({"worker": ["b:1", "c:1"]}, "worker", 1)).index == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_CONFIG": "{worker"}, "must be JSON"),
        (tf_config({"worker": ["a:1"], "ps": ["b:1"]}), "only the roles 'chief' and 'worker'"),
        (tf_config({"worker": ["a:1"]}, "evaluator"), "task 'evaluator'"),
        (tf_config({"worker": ["a:1"]}, index=1), r"index must be in 0\.\.0; received index=1"),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}, "SLURM_STEP_NODELIST"),
        ({"SLURM_STEP_NUM_TASKS": "many"}, "SLURM_STEP_NUM_TASKS must be an integer; received 'many'"),
    ],
)
def test_an_environment_that_cannot_train_is_refused(environment, message):
    with pytest.raises(ClusterError, match=message):
        cluster_from_environment(environment)


def test_slurms_lists():
    assert expand_hosts("gpu[09-11,3],login") == ["gpu09", "gpu10", "gpu11", "gpu3", "login"]
    assert expand_hosts("a[1-2]-x,b") == ["a1-x", "a2-x", "b"]
    assert expand_counts("2(x3),1") == [2, 2, 2, 1]


def slurm(**changes):
    return {
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "n[9-10]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
        "SLURM_PROCID": "2",
        "SLURM_JOB_ID": "7001",
    } | changes


def test_slurms_tasks_are_workers_in_blocks():
    """The tasks of one node have different ports, and so have two jobs that share a node."""
    found = cluster_from_environment(slurm())
    assert found == Cluster(addresses=("n9:20016", "n9:20017", "n10:20016"), index=2)
    with pytest.raises(ClusterError, match="--distribution=block"):
        cluster_from_environment(slurm(SLURMD_NODENAME="n9"))


def addresses(n):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return (f"127.0.0.1:{port}", *(f"127.0.0.1:{port + i}" for i in range(1, n)))


def test_workers_gather_in_any_order_and_past_a_stranger():
    cluster = addresses(3)
    gathered = []

    def worker(index):
        gather(Cluster(addresses=cluster, index=index), 20, say=lambda line: None)
        gathered.append(index)

    threads = [threading.Thread(target=worker, args=[i]) for i in (2, 1, 0)]
    for thread in threads:
        thread.start()
    host, port = cluster[0].split(":")
    while True:
        try:
            with socket.create_connection((host, int(port))) as stranger:
                stranger.sendall(b"GET / HTTP/1.1")
            break
        except ConnectionRefusedError:
            if not threads[-1].is_alive():
                break
    for thread in threads:
        thread.join()
    assert sorted(gathered) == [0, 1, 2]


def test_a_worker_that_never_starts_is_named_in_bounded_time():
    cluster = addresses(2)
    with pytest.raises(LostPeerError, match=rf"worker 1 \({cluster[1]}\) did not report within 0.3 s"):
        gather(Cluster(addresses=cluster, index=0), 0.3, say=lambda line: None)
    with pytest.raises(LostPeerError, match=rf"worker 0 \({cluster[0]}\), the chief, did not gather .* 0.3 s"):
        gather(Cluster(addresses=cluster, index=1), 0.3, say=lambda line: None)


def test_a_port_in_use_is_said():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"the chief must open port {port}"):
            gather(Cluster(addresses=(f"127.0.0.1:{port}", "127.0.0.1:1"), index=0), 1, say=lambda line: None)
