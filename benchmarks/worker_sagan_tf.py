"""The timed program of this package: one phase of one gin file. Started by compare.py and growth.py."""

import argparse
import functools
from collections.abc import Callable

import tensorflow as tf
from frechet import COMPARED, by_streaming
from rounds import resident_mb, serve
from step import sampling, training

from sagan_tf import experiment
from sagan_tf.data.pipeline import training_batches
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.parts import Parts
from sagan_tf.runs.flags import add_configuration

# The attention layer's map, as in worker_biggan_pytorch.py.
ATTENTION_SIDE, ATTENTION_CHANNELS = 64, 64


def gpus() -> list[tf.config.LogicalDevice]:
    return tf.config.list_logical_devices("GPU")


def peak_mb() -> int:
    """The peak of the GPU's memory in use where there is one, otherwise of this process's."""
    return max((tf.config.experimental.get_memory_info(d.name)["peak"] >> 20 for d in gpus()), default=resident_mb())


def peak(settings: experiment.Experiment, timed: Callable) -> None:
    """The machine's best rate of a product of matrices, in the run's precision."""
    side, times = (8192, 10) if gpus() else (2048, 3)
    a = tf.cast(tf.random.stateless_normal([side, side], [0, 0]), settings.numerics.dtype)

    @tf.function
    def products(x):
        for _ in range(times):
            x = tf.matmul(x, a) / side**0.5
        return tf.reduce_sum(x)

    timed(lambda: products(a).numpy(), gflop=times * 2 * side**3 / 1e9)


def attention(settings: experiment.Experiment, timed: Callable) -> None:
    """An attention layer of D (spectrally normalized, 64x64 of 64 channels), forward and backward."""
    parts = Parts(settings.sized(), settings.numerics, spectral_norm=True, seed=0)
    layer = parts.long_range(ATTENTION_CHANNELS)
    shape = [settings.batch_size, ATTENTION_SIDE, ATTENTION_SIDE, ATTENTION_CHANNELS]
    x = tf.cast(tf.random.stateless_normal(shape, [0, 0]), settings.numerics.dtype)
    layer(x)

    @tf.function
    def both_passes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = layer(x, training=True)
        weights = [v for name, v in named_variables(layer).items() if not name.endswith(".u")]
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(out, [x, *weights])]

    timed(lambda: [value.numpy() for value in both_passes(x)], images=settings.batch_size)


def frechet(settings: experiment.Experiment, timed: Callable) -> None:
    """The Frechet distance of two sets of features, from the features on."""
    timed(lambda: by_streaming(**COMPARED), images=COMPARED["images"])


def pipeline(settings: experiment.Experiment, timed: Callable) -> None:
    """Ten batches of 64 from the data set that the settings name."""
    resolution = settings.spec.resolution
    examples = settings.data.open(resolution)
    batches = iter(
        training_batches(
            examples, resolution=resolution, batch_size=64, seed=0, transform=settings.transform, cache_bytes=0
        )
    )
    timed(lambda: [next(batches)[1].numpy() for _ in range(10)], images=640)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_configuration(parser)
    alone = {"peak": peak, "attention": attention, "frechet": frechet, "pipeline": pipeline}
    parser.add_argument("--phase", choices=["step", "sampling", *alone], required=True)
    parser.add_argument("--calls", type=int, default=1, help="of a round")
    flags = parser.parse_args()
    for device in tf.config.list_physical_devices("GPU"):  # so that several programs share it
        tf.config.experimental.set_memory_growth(device, True)
    timed = functools.partial(serve, calls=flags.calls, peak_mb=peak_mb)
    settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
    if flags.phase in alone:
        alone[flags.phase](settings, timed)
        return
    call, images = training(settings) if flags.phase == "step" else sampling(settings, settings.batch_size)
    timed(call, images=images)


if __name__ == "__main__":
    main()
