"""The cost of monitoring: its share of the training step at the run's own intervals, for any gin file, on this machine.

    python benchmarks/watching.py --gin_file=gin/sagan_128.gin --gin_bindings='train.batch_size=4'

Steps, lines of scalars and health records alternate in one process, so that other work on the machine slows all of them
equally. The first of each compiles and is not counted. Images are random. The share is that of the medians.
"""

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.monitoring.writer import Writer
from sagan_tf.runs import build, training_actions
from sagan_tf.runs.flags import add_configuration
from sagan_tf.training.checkpoints import CheckpointStore


def alternating(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, in turn; the first round is left out."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: times[1:] for name, times in seconds.items()}


def watched_calls(settings: experiment.Experiment, folder: Path) -> dict[str, Callable[[], object]]:
    """One step; one line of scalars; one health record."""
    n_classes = len(settings.data.class_names())
    strategy = tf.distribute.get_strategy()
    gan = build.build_state(settings, n_classes, strategy)
    rng = np.random.default_rng(0)
    resolution, batch = settings.spec.resolution, settings.batch_size
    images = tf.constant(rng.uniform(-1, 1, (batch, resolution, resolution, 3)), tf.float32)
    labels = tf.constant(rng.integers(0, n_classes, batch), tf.int32)
    data = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    steps = build.build_steps(settings, gan, n_classes, strategy)
    run = SimpleNamespace(path=folder, class_names=settings.data.class_names())
    writer = Writer(folder)
    scalars = training_actions.scalars_of(gan, batch, writer)
    health = training_actions.health_action(settings, gan, run, writer, CheckpointStore(folder / "checkpoints"))
    logs: dict[str, float] = {}

    def step() -> None:
        logs.update({name: float(value) for name, value in steps(data, tf.constant(1)).items()})

    return {
        "step": step,
        "scalars": lambda: scalars(int(gan.step.numpy()), logs),
        "health": lambda: health.run(int(gan.step.numpy()), logs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        seconds = alternating(watched_calls(settings, Path(folder)), flags.rounds)
    every = {"step": 1, "scalars": settings.log_every, "health": settings.monitoring.every}
    step = statistics.median(seconds["step"])
    print(f"{'':<9}{'s min':>9}{'s median':>10}{'every':>7}{'share':>9}")
    for name, times in seconds.items():
        median = statistics.median(times)
        share = median / every[name] / step if every[name] else 0.0
        print(f"{name:<9}{min(times):>9.3f}{median:>10.3f}{every[name]:>7}{share:>9.2%}")


if __name__ == "__main__":
    main()
