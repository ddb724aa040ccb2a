"""The processes that train together, as TF_CONFIG or Slurm describe them, and the wait until all are there."""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_SLURM_PORT = 20_000  # the first port of a Slurm job's workers; its number shifts it, so that two jobs share a node


class ClusterError(ValueError):
    """The environment describes no cluster that can train, or a wrong one."""


class LostPeerError(RuntimeError):
    """Another worker is missing or gone. All workers must start again: none can rejoin."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """addresses: "host:port" of every worker by index; the first is the chief. index: this one."""

    addresses: tuple[str, ...]
    index: int

    def __post_init__(self):
        if not 0 <= self.index < len(self.addresses):
            raise ClusterError(
                f"a worker's index must be in 0..{len(self.addresses) - 1}; received index={self.index} for "
                f"{', '.join(self.addresses) or 'no workers'}. Correct TF_CONFIG."
            )

    def name(self, index: int) -> str:
        return f"worker {index} ({self.addresses[index]})"


def cluster_from_environment(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster of TF_CONFIG, else of a Slurm job step with several tasks; None if there is neither.

    Raises:
      ClusterError: if one of them is there and can't be understood.
    """
    if environment.get("TF_CONFIG"):
        return _from_tf_config(environment["TF_CONFIG"])
    if int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        return _from_slurm(environment)
    return None


def _from_tf_config(text: str) -> Cluster | None:
    """Chief and workers in one row. A cluster of other roles, or none, is refused."""
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
            f"TF_CONFIG must have the roles 'chief' and 'worker' alone; received roles {sorted(roles)}, task "
            f"{task['type']!r}. Make every process a worker."
        )
    return Cluster(addresses=chiefs + workers, index=index)


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    """Tasks in blocks, as srun deals them out by default: the first node's first."""
    try:
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        tasks = expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        index, job = int(environment["SLURM_PROCID"]), int(environment.get("SLURM_JOB_ID", 0))
    except (KeyError, ValueError) as error:
        raise ClusterError(
            f"a Slurm job step must say its nodes and tasks; {error!r}. Start the workers with srun, or set TF_CONFIG."
        ) from error
    first = _SLURM_PORT + job % 1000 * 16
    rows = [(host, i) for host, n in zip(hosts, tasks, strict=True) for i in range(n)]
    cluster = Cluster(addresses=tuple(f"{host}:{first + i}" for host, i in rows), index=index)
    here = environment.get("SLURMD_NODENAME", rows[index][0])
    if here != rows[index][0]:
        raise ClusterError(
            f"Slurm's task {index} must run on {rows[index][0]}, the tasks being dealt out in blocks; it runs on "
            f"{here}. Use srun --distribution=block."
        )
    return cluster


def expand_hosts(text: str) -> list[str]:
    """Slurm's short list of hosts: "a[01-03,7],b" is a01, a02, a03, a7, b."""
    hosts = []
    for prefix, ranges, suffix in re.findall(r"([^\[,]+)(?:\[([^\]]*)\])?([^\[,]*)", text):
        for part in ranges.split(",") if ranges else [""]:
            low, _, high = part.partition("-")
            numbers = [str(i).zfill(len(low)) for i in range(int(low), int(high) + 1)] if high else [part]
            hosts += [prefix + number + suffix for number in numbers]
    return hosts


def expand_counts(text: str) -> list[int]:
    """Slurm's short list of counts: "2(x3),1" is 2, 2, 2, 1."""
    matches = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(count) for count, times in matches for _ in range(int(times or 1))]


def gather(cluster: Cluster, seconds: float, say: Callable[[str], None] = print) -> None:
    """Returns when every worker is there. (TensorFlow's own wait for its peers has no end and says nothing.)

    The workers report at the chief's address, where TensorFlow's server opens after that.

    Raises:
      ClusterError: if the chief's port can't be opened.
      LostPeerError: with the names of those that are missing after so many seconds.
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
        raise ClusterError(f"the chief must open port {port}; {error}. End what uses it, or name another.") from error
    with listener, contextlib.ExitStack() as calls:
        reported = {}
        while missing:
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                call = calls.enter_context(listener.accept()[0])
            except TimeoutError:
                names = ", ".join(cluster.name(i) for i in sorted(missing))
                raise LostPeerError(
                    f"{names} did not report within {seconds:g} s. See its log, and start all workers again."
                ) from None
            index = _introduction(call)
            reported[index] = call  # a worker that came again replaces its former call
            missing.discard(index)
        for call in reported.values():
            _tell(call, b"go")


def _introduction(call: socket.socket) -> int | None:
    """The index of the worker that calls; None if it is somebody else."""
    call.settimeout(5)
    try:
        return int(call.recv(16))
    except (OSError, ValueError):
        return None


def _tell(call: socket.socket, word: bytes) -> None:
    try:
        call.sendall(word)
    except OSError:
        return  # it is gone again, which the strategy's start will find


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
        f"{cluster.name(0)}, the chief, did not gather the workers within {seconds:g} s. See its log, and start all "
        "workers again."
    )
