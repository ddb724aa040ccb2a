"""The processes that train together, as TF_CONFIG or Slurm describe them, and their wait for one another at start."""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sagan_tf.foundation.notes import note

# The first port of the workers of a Slurm job. The job's number shifts it, so that two jobs can share a node.
_SLURM_PORT = 20_000


class ClusterError(ValueError):
    """The environment describes a cluster that can't train, or describes it wrongly."""


class LostPeerError(RuntimeError):
    """Another worker is missing or was lost. All workers must restart, because none can rejoin."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers of one run.

    addresses: "host:port" of every worker, in the order of their indices; the first is the chief.
    index: this process's.

    Raises:
      ClusterError: for an index without an address.
    """

    addresses: tuple[str, ...]
    index: int

    def __post_init__(self):
        if not 0 <= self.index < len(self.addresses):
            raise ClusterError(
                f"a worker's index must be in 0..{len(self.addresses) - 1}; received index={self.index} for "
                f"{', '.join(self.addresses) or 'no workers'}. Correct TF_CONFIG."
            )

    def name(self, index: int) -> str:
        """A worker as messages name it: "worker INDEX (HOST:PORT)"."""
        return f"worker {index} ({self.addresses[index]})"


def cluster_from_environment(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG describes, or else a Slurm job step with several tasks; None if there is neither.

    Raises:
      ClusterError: if the description can't be understood, or is not of workers that can train together.
    """
    if environment.get("TF_CONFIG"):
        return _from_tf_config(environment["TF_CONFIG"])
    tasks = environment.get("SLURM_STEP_NUM_TASKS") or "1"
    if not tasks.isdecimal():
        raise ClusterError(f"SLURM_STEP_NUM_TASKS must be an integer; received {tasks!r}. Unset it outside of Slurm.")
    return _from_slurm(environment) if int(tasks) > 1 else None


def _from_tf_config(text: str) -> Cluster | None:
    """TF_CONFIG's cluster: the chief and then the workers. None if it has no roles; other roles are refused."""
    try:
        config = json.loads(text)
        roles, task = config.get("cluster", {}), config.get("task", {})
        chiefs, workers = tuple(roles.get("chief", ())), tuple(roles.get("worker", ()))
        if not roles:
            return None
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        known = task["type"] in ("chief", "worker") and not set(roles) - {"chief", "worker"}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ClusterError(f"TF_CONFIG must be JSON with 'cluster' and 'task'; received {text!r} ({error}).") from error
    if not known:
        raise ClusterError(
            f"TF_CONFIG must have only the roles 'chief' and 'worker'; received roles {sorted(roles)}, task "
            f"{task['type']!r}. Make every process a worker."
        )
    return Cluster(addresses=chiefs + workers, index=index)


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    """Slurm's cluster, with the tasks assigned to the nodes in blocks, as srun does by default."""
    try:
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        tasks = expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        index, job = int(environment["SLURM_PROCID"]), int(environment.get("SLURM_JOB_ID", 0))
    except (KeyError, ValueError) as error:
        raise ClusterError(
            f"a Slurm job step must name its nodes and tasks; received {error!r}. Start the workers with srun, or set "
            "TF_CONFIG."
        ) from error
    first = _SLURM_PORT + job % 1000 * 16
    slots = [(host, i) for host, n in zip(hosts, tasks, strict=True) for i in range(n)]
    cluster = Cluster(addresses=tuple(f"{host}:{first + i}" for host, i in slots), index=index)
    expected = slots[index][0]
    node = environment.get("SLURMD_NODENAME", expected)
    if node != expected:
        raise ClusterError(
            f"Slurm's task {index} must run on {expected}, since tasks are assigned to nodes in blocks; it runs on "
            f"{node}. Use srun --distribution=block."
        )
    return cluster


def expand_hosts(text: str) -> list[str]:
    """Expands Slurm's list of hosts: "a[01-03,7],b" is a01, a02, a03, a7, b."""
    hosts = []
    for prefix, ranges, suffix in re.findall(r"([^\[,]+)(?:\[([^\]]*)\])?([^\[,]*)", text):
        for part in ranges.split(",") if ranges else [""]:
            low, _, high = part.partition("-")
            numbers = [str(i).zfill(len(low)) for i in range(int(low), int(high) + 1)] if high else [part]
            hosts += [prefix + number + suffix for number in numbers]
    return hosts


def expand_counts(text: str) -> list[int]:
    """Expands Slurm's list of counts: "2(x3),1" is 2, 2, 2, 1."""
    matches = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(count) for count, times in matches for _ in range(int(times or 1))]


def gather(cluster: Cluster, seconds: float, say: Callable[[str], None] = note) -> None:
    """Waits until every worker is there. (TensorFlow waits for peers without a limit and without a message.)

    The workers report to the chief's address, where TensorFlow's server is opened afterwards.

    seconds: the time limit. say: receives a line of progress.

    Raises:
      ClusterError: if the chief's port can't be opened.
      LostPeerError: if workers are missing after the time limit; the message names them.
    """
    say(f"{cluster.name(cluster.index)}: waiting for {len(cluster.addresses) - 1} other worker(s)")
    deadline = time.monotonic() + seconds
    if cluster.index == 0:
        _receive(cluster, deadline, seconds)
    else:
        _report(cluster, deadline, seconds)


def _receive(cluster: Cluster, deadline: float, seconds: float) -> None:
    port = int(cluster.addresses[0].rpartition(":")[2])
    missing = set(range(1, len(cluster.addresses)))
    try:
        listener = socket.create_server(("", port), backlog=len(cluster.addresses))
    except OSError as error:
        raise ClusterError(
            f"the chief must open port {port}; {error}. End the process that uses it, or choose another port."
        ) from error
    with listener, contextlib.ExitStack() as calls:
        reported = {}
        while missing:
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                call = calls.enter_context(listener.accept()[0])
            except TimeoutError:
                names = ", ".join(cluster.name(i) for i in sorted(missing))
                raise LostPeerError(
                    f"{names} did not report within {seconds:g} s. See the worker's log, and restart all workers."
                ) from None
            index = _receive_index(call)
            reported[index] = call  # a worker that calls again replaces its former connection
            missing.discard(index)
        for call in reported.values():
            _send(call, b"go")


def _receive_index(call: socket.socket) -> int | None:
    """The index of the worker that opened the connection; None if it was another program."""
    call.settimeout(5)
    try:
        return int(call.recv(16))
    except (OSError, ValueError):
        return None


def _send(call: socket.socket, message: bytes) -> None:
    try:
        call.sendall(message)
    except OSError:
        return  # the worker is gone again; the start of the strategy will find that


def _report(cluster: Cluster, deadline: float, seconds: float) -> None:
    host, _, port = cluster.addresses[0].rpartition(":")
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection((host, int(port)), timeout=left) as call:
                call.sendall(str(cluster.index).encode())
                if call.recv(16) == b"go":
                    return
        except OSError:
            time.sleep(min(0.2, max(left, 0)))
    raise LostPeerError(
        f"{cluster.name(0)}, the chief, did not gather the workers within {seconds:g} s. See its log, and restart all "
        "workers."
    )
