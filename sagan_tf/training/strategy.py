"""The tf.distribute strategy by name, and a self-test of its all-reduce at start."""

import faulthandler
import os
from collections.abc import Callable
from typing import get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.first_line import first_line
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.option_names import StrategyName
from sagan_tf.training.cluster import Cluster, LostPeerError, cluster_from_environment, gather


class StrategyError(ValueError):
    """The requested devices are not available, or don't fit the batch or the options."""


def create_strategy(
    name: StrategyName = "auto",
    say: Callable[[str], None] = note,
    *,
    tpu: str | None = None,
    wait_seconds: float = 300,
) -> tf.distribute.Strategy:
    """Creates the strategy of that name, and notes which it is, why, and the device of each replica.

    name:
      "auto": "multi_worker" if TF_CONFIG or Slurm describes several workers, else the TPU, all GPUs, or the CPU.
      "cpu", "gpu": one device.
      "mirrored": all GPUs, or all logical CPU devices if there is no GPU.
      "multi_worker": all GPUs of the processes that TF_CONFIG or Slurm describes.
      "tpu": the TPU named by `tpu` or by TPU_NAME, or else this VM's.
    say: receives each line.
    wait_seconds: how long to wait for the other workers.

    Raises:
      StrategyError: for an unknown name, or devices that are not available.
      ClusterError, LostPeerError: if the cluster in the environment is wrong or not complete.
    """
    check_choice("", "strategy", name, get_args(StrategyName), error=StrategyError)
    chosen, why = (name, "as asked for") if name != "auto" else _choose()
    strategy = _MAKERS[chosen](tpu=tpu, wait_seconds=wait_seconds, say=say)
    try:
        check_all_reduce(strategy)
    except tf.errors.UnavailableError as error:
        raise LostPeerError(
            f"a worker was lost before training began ({error.message}). Restart all workers."
        ) from error
    say(f"Strategy {chosen} ({why}): training on {strategy.num_replicas_in_sync} replica(s)")
    devices = strategy.extended.worker_devices
    first = strategy.cluster_resolver.task_id * len(devices) if chosen == "multi_worker" else 0
    for number, device in enumerate(devices, start=first):
        say(f"  replica {number}: {device}{_model_name(device)}")
    return strategy


def _choose() -> tuple[StrategyName, str]:
    """The strategy that "auto" means here, and why. It must not start TensorFlow's runtime: physical devices only."""
    cluster, gpus = cluster_from_environment(), tf.config.list_physical_devices("GPU")
    if cluster and len(cluster.addresses) > 1:
        return "multi_worker", f"the environment describes {len(cluster.addresses)} workers"
    if os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu", "there is a TPU"
    if len(gpus) > 1:
        return "mirrored", f"there are {len(gpus)} GPUs"
    return ("gpu", "there is one GPU") if gpus else ("cpu", "there is neither GPU nor TPU")


def _one_device(kind: str) -> Callable[..., tf.distribute.Strategy]:
    def make(**_) -> tf.distribute.Strategy:
        devices = tf.config.list_logical_devices(kind)
        if not devices:
            raise StrategyError(
                f"strategy={kind.lower()!r} needs a {kind} that TensorFlow can see; found none. Use --strategy=cpu."
            )
        return tf.distribute.OneDeviceStrategy(devices[0].name)

    return make


def _mirrored(**_) -> tf.distribute.Strategy:
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker(*, wait_seconds: float, say: Callable[[str], None], **_) -> tf.distribute.Strategy:
    cluster = cluster_from_environment()
    if cluster is None:
        raise StrategyError(
            "strategy='multi_worker' needs to know its workers; found neither TF_CONFIG nor a Slurm step of several "
            "tasks. Start it with launch/multi_worker.sh or launch/slurm.sbatch, which set them."
        )
    if len(cluster.addresses) > 1:
        gather(cluster, wait_seconds, say)
    # TensorFlow waits for a peer that is lost from here on without letting Python run, so that only a timer can end it.
    faulthandler.dump_traceback_later(wait_seconds, exit=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=_resolver(cluster))
    finally:
        faulthandler.cancel_dump_traceback_later()


def _resolver(cluster: Cluster) -> tf.distribute.cluster_resolver.ClusterResolver:
    workers = tf.train.ClusterSpec({"worker": list(cluster.addresses)})
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        workers, task_type="worker", task_id=cluster.index, rpc_layer="grpc"
    )


def _tpu(*, tpu: str | None, **_) -> tf.distribute.Strategy:
    name = tpu or os.environ.get("TPU_NAME") or "local"
    try:
        return tf.distribute.TPUStrategy(tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu=name))
    except (tf.errors.OpError, ValueError, RuntimeError, OSError, ImportError) as error:
        raise StrategyError(
            f"strategy='tpu' needs a TPU; received tpu={name!r}: {first_line(error)} "
            "On a TPU VM install '.[tpu]' (README, TPU); on a pod name it by --tpu or TPU_NAME."
        ) from error


_MAKERS: dict[StrategyName, Callable[..., tf.distribute.Strategy]] = {
    "cpu": _one_device("CPU"),
    "gpu": _one_device("GPU"),
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "tpu": _tpu,
}


def _model_name(device: str) -> str:
    """The model of a GPU as " (NVIDIA H200)"; empty for other devices."""
    spec = tf.DeviceSpec.from_string(device)
    gpus = tf.config.list_physical_devices("GPU") if spec.device_type == "GPU" else []
    if spec.device_type != "GPU" or spec.device_index >= len(gpus):
        return ""
    return f" ({tf.config.experimental.get_device_details(gpus[spec.device_index]).get('device_name', 'GPU')})"


def check_all_reduce(strategy: tf.distribute.Strategy) -> None:
    """Checks that an all-reduce of 1, ..., R over the R replicas gives their sum.

    A wrong sum would silently train wrong weights.

    Raises:
      StrategyError: if the sum is wrong.
    """

    def replica_sum():
        context = tf.distribute.get_replica_context()
        one = tf.cast(context.replica_id_in_sync_group + 1, tf.float32)
        return context.all_reduce("SUM", one)

    replicas = strategy.num_replicas_in_sync
    sums = strategy.experimental_local_results(tf.function(lambda: strategy.run(replica_sum))())
    if any(int(s) != replicas * (replicas + 1) // 2 for s in sums):
        raise StrategyError(
            f"the all-reduce of 1 to {replicas} over {replicas} replicas must be {replicas * (replicas + 1) // 2}; "
            f"received {[float(s) for s in sums]}. Check the interconnect and its drivers, or train on one device."
        )


def runs_on_cpu(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy of `create_strategy` has no accelerator."""
    return all("CPU" in device.upper() for device in strategy.extended.worker_devices)


def check_batch_size(batch_size: int, replicas: int) -> None:
    """Checks that every replica gets the same number of images.

    Raises:
      StrategyError: if the batch is not divisible by the number of replicas.
    """
    if batch_size % replicas:
        raise StrategyError(
            f"batch_size must be divisible by the number of replicas; received batch_size={batch_size} for "
            f"{replicas} replicas. Use a multiple of {replicas}."
        )
