"""The timed program of this package: one phase of one gin file. Started by compare.py."""

import argparse

import numpy as np
import tensorflow as tf
from rounds import serve

from sagan_tf import experiment
from sagan_tf.models.folded import fold
from sagan_tf.models.generator import Generator
from sagan_tf.runs import assembly
from sagan_tf.sampling.sampler import Sampler


def step(settings: experiment.Experiment) -> None:
    """D's and G's updates on random images: the data set need not be there."""
    n_classes = len(settings.data.class_names())
    strategy = tf.distribute.get_strategy()
    gan = assembly.build(settings, n_classes, strategy)
    side, batch = settings.spec.resolution, settings.batch_size
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(-1, 1, (batch, side, side, 3)), tf.float32)
    labels = tf.constant(rng.integers(0, n_classes, batch), tf.int32)
    data = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    steps = assembly.steps_of(settings, gan, n_classes, strategy)
    serve(lambda: steps(data, tf.constant(1))["g_loss"].numpy(), images=batch)


def sampling(settings: experiment.Experiment) -> None:
    """Images as `sample` draws them: folded, uint8, on the host."""
    spec, batch = settings.sized(), settings.batch_size
    sampler = Sampler(
        fold(Generator(spec, numerics=settings.numerics)),
        z_dim=spec.z_dim,
        n_classes=spec.n_classes,
        resolution=spec.resolution,
        latent=settings.latent,
        batch_size=batch,
    )
    labels = np.arange(batch) % spec.n_classes
    serve(lambda: sampler.images(labels), images=batch)


def peak(settings: experiment.Experiment) -> None:
    """The machine's best rate of a product of matrices, in the run's precision."""
    side = 2048
    a = tf.cast(tf.random.stateless_normal([side, side], [0, 0]), settings.numerics.dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    serve(lambda: [product(a).numpy() for _ in range(3)], gflop=3 * 2 * side**3 / 1e9)


PHASES = {"step": step, "sampling": sampling, "peak": peak}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    experiment.add_flags(parser)
    parser.add_argument("--phase", choices=list(PHASES), required=True)
    flags = parser.parse_args()
    PHASES[flags.phase](experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value)
