"""Seconds to save a run's whole state durably and to restore it; and the training step on 1 and 2 replicas.

    python benchmarks/checkpoints.py --gin_file=gin/sagan_128.gin
    python benchmarks/checkpoints.py --gin_file=gin/quickstart.gin --replicas

The replicas are logical devices that share this machine's cores, so that two can't be faster than one: the result is
the cost of the distribution. Other processes' load is not subtracted: run it on an idle machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.runs import build
from sagan_tf.runs.flags import add_configuration
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.state_check import StateCheck
from sagan_tf.training.strategy import create_strategy


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def saving(settings: experiment.Experiment, rounds: int) -> dict[str, float]:
    """Median seconds of the check before a save, of saves, of restores; and the state's size."""
    strategy = tf.distribute.get_strategy()
    variables = build.build_state(settings, len(settings.data.class_names()), strategy).variables()
    soundness = StateCheck(variables, strategy)
    soundness.check(0)
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Path(folder), keep=1)
        saves = [seconds(lambda step=step: store.save(variables, step)) for step in range(1, rounds + 1)]
        restores = [seconds(lambda: store.restore(variables)) for _ in range(rounds)]
        size = sum(p.stat().st_size for p in store.path(rounds).iterdir()) / 2**20
    checks = [seconds(lambda: soundness.check(0)) for _ in range(rounds)]
    return {
        "state_mb": size,
        "check_s": statistics.median(checks),
        "save_s": statistics.median(saves),
        "restore_s": statistics.median(restores),
    }


def training(settings: experiment.Experiment, rounds: int, replicas: int) -> dict[str, float]:
    """Median seconds of a step, and images/s, on random images."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    strategy = create_strategy("mirrored" if replicas > 1 else "cpu", say=lambda line: None)
    n_classes = len(settings.data.class_names())
    gan = build.build_state(settings, n_classes, strategy)
    steps = build.build_steps(settings, gan, n_classes, strategy)
    rng, side = np.random.default_rng(0), settings.spec.resolution
    images = rng.uniform(-1, 1, (settings.batch_size, side, side, 3)).astype(np.float32)
    labels = rng.integers(0, n_classes, settings.batch_size).astype(np.int32)
    batches = iter(strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors((images, labels)).repeat()))
    steps(batches, tf.constant(1))
    times = [seconds(lambda: steps(batches, tf.constant(1))["d_loss"].numpy()) for _ in range(rounds)]
    return {"step_s": statistics.median(times), "images_per_s": settings.batch_size / statistics.median(times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--replicas", action="store_true", help="the step on 1 and 2 replicas instead")
    parser.add_argument("--on", type=int, help="on so many replicas, in this process, as JSON")
    flags = parser.parse_args()
    settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
    if flags.on:
        print(json.dumps(training(settings, flags.rounds, flags.on)))
    elif flags.replicas:
        for replicas in (1, 2):
            command = [sys.executable, __file__, *sys.argv[1:], f"--on={replicas}"]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            print(f"{replicas} replica(s), batch {settings.batch_size}: {_row(json.loads(out))}")
    else:
        print(_row(saving(settings, flags.rounds)))


def _row(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in values.items())


if __name__ == "__main__":
    main()
