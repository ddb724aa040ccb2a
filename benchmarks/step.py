"""Images/s and peak memory of the training step and of sampling, for any gin file, on this machine.

    python benchmarks/step.py --gin_file=gin/sagan_128.gin --gin_bindings='train.batch_size=4'

Each phase runs in a separate process, so that its peak memory is its own. Images are random: no data set is needed.
Prints minimum and median seconds over the rounds, after a warm-up that compiles.
"""

import argparse
import functools
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import fold
from sagan_tf.runs import build
from sagan_tf.runs.flags import add_configuration
from sagan_tf.sampling.sampler import Sampler
from sagan_tf.training.malloc import keep_freed_memory


def seconds(call: Callable[[], object], rounds: int) -> list[float]:
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def training(settings: experiment.Experiment) -> tuple[Callable[[], object], int]:
    """One step on random images, and the batch size."""
    keep_freed_memory(one_arena=not tf.config.list_physical_devices("GPU"))  # as `train` does
    n_classes = len(settings.data.class_names())
    strategy = tf.distribute.get_strategy()
    gan = build.build_state(settings, n_classes, strategy)
    side, batch = settings.spec.resolution, settings.batch_size
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(-1, 1, (batch, side, side, 3)), tf.float32)
    labels = tf.constant(rng.integers(0, n_classes, batch), tf.int32)
    data = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    steps = build.build_steps(settings, gan, n_classes, strategy)
    return lambda: steps(data, tf.constant(1))["g_loss"].numpy(), batch


def sampling(settings: experiment.Experiment, batch_size: int | None = None) -> tuple[Callable[[], object], int]:
    """A batch of images as `sample` draws them (folded, uint8, on the host), and its size (None: the sampler's own).

    With train.xla=True the generator is compiled by XLA, which `sample` does not do.
    """
    spec = settings.sized()
    generator = functools.partial(fold(Generator(spec, numerics=settings.numerics)), training=False)
    if settings.xla is True:
        generator = tf.function(generator, autograph=False, jit_compile=True)
    sampler = Sampler(
        lambda z, labels, training: generator(z, labels),
        z_dim=spec.z_dim,
        n_classes=spec.n_classes,
        resolution=spec.resolution,
        latent=settings.latent,
        batch_size=batch_size,
    )
    labels = np.arange(sampler.batch_size) % spec.n_classes
    return lambda: sampler.images(labels), sampler.batch_size


PHASES = {"training": training, "sampling": sampling}


def measure(phase: str, settings: experiment.Experiment, rounds: int) -> dict:
    call, images = PHASES[phase](settings)
    times = seconds(call, rounds)
    return {
        "phase": phase,
        "batch": images,
        "seconds_min": min(times),
        "seconds_median": statistics.median(times),
        "images_per_second": images / statistics.median(times),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--phase", choices=list(PHASES), help="one phase, in this process, as JSON")
    flags = parser.parse_args()
    if flags.phase:
        settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
        print(json.dumps(measure(flags.phase, settings, flags.rounds)))
        return
    print(f"{'phase':<10}{'batch':>6}{'s min':>9}{'s median':>10}{'images/s':>10}{'peak MB':>9}")
    for phase in PHASES:
        command = [sys.executable, __file__, *sys.argv[1:], f"--phase={phase}"]
        r = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(
            f"{phase:<10}{r['batch']:>6}{r['seconds_min']:>9.3f}{r['seconds_median']:>10.3f}"
            f"{r['images_per_second']:>10.2f}{r['peak_memory_mb']:>9}"
        )


if __name__ == "__main__":
    main()
