"""The timed program of this package: one phase of one gin file. Started by compare.py and growth.py."""

import argparse

import tensorflow as tf
from rounds import serve
from step import sampling, training

from sagan_tf import experiment


def peak(settings: experiment.Experiment) -> None:
    """The machine's best rate of a product of matrices, in the run's precision."""
    side = 2048
    a = tf.cast(tf.random.stateless_normal([side, side], [0, 0]), settings.numerics.dtype)
    product = tf.function(lambda x: tf.matmul(x, x))
    serve(lambda: [product(a).numpy() for _ in range(3)], gflop=3 * 2 * side**3 / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    experiment.add_flags(parser)
    parser.add_argument("--phase", choices=["step", "sampling", "peak"], required=True)
    flags = parser.parse_args()
    settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
    if flags.phase == "peak":
        peak(settings)
        return
    call, images = training(settings) if flags.phase == "step" else sampling(settings, settings.batch_size)
    serve(call, images=images)


if __name__ == "__main__":
    main()
