"""Which parts of a step of several replicas XLA can compile, tested on two logical CPU devices with tiny networks.

    python benchmarks/several_gpus.py --way=none --out=none.npz
    python benchmarks/several_gpus.py --way=programs --beside=none.npz

Each method runs in a separate process, since clusters are a setting of TensorFlow's process:

    none         single operations, as `train.xla=False`
    programs     each replica's parts as programs of their own, sums between them: `train.xla=True`
    clusters     automatic clustering of what none runs
    collectives  the whole step as one program, the sums in it
    dtensor      the whole batch's step over a mesh of both devices; to be compared with --cross_replica_norm
    dtensor_xla  the same, given to XLA

Prints the seconds of the first call, which compiles, and of later steps, and how far the state is from that of another
way after three steps; ReLU and max pooling, whose gradients jump, are replaced by smooth functions. Failures are
reported with TensorFlow's own messages. accelerators.md has the results.
"""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

WAYS = ("none", "programs", "clusters", "collectives", "dtensor", "dtensor_xla")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--way", choices=WAYS, required=True)
parser.add_argument("--batch_size", type=int, default=4, help="of both replicas")
parser.add_argument("--width", type=int, default=4)
parser.add_argument("--cross_replica_norm", action="store_true", help="batch norm over all replicas, as BigGAN's")
parser.add_argument("--steps", type=int, default=10, help="that are timed")
parser.add_argument("--out", type=Path, help="where the state after three steps goes")
parser.add_argument("--beside", type=Path, help="the state that another way has written")
FLAGS = parser.parse_args()
if FLAGS.way == "clusters":
    os.environ["TF_XLA_FLAGS"] = "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit " + os.environ.get("TF_XLA_FLAGS", "")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from sagan_tf.models.families import sagan  # noqa: E402
from sagan_tf.models.parts import Numerics  # noqa: E402
from sagan_tf.objectives.objective import Objective  # noqa: E402
from sagan_tf.training import compiled  # noqa: E402
from sagan_tf.training.ema import MovingAverage  # noqa: E402
from sagan_tf.training.latent_sampler import LatentSampler  # noqa: E402
from sagan_tf.training.optimizers import TwoTimescaleAdam  # noqa: E402
from sagan_tf.training.state import GAN  # noqa: E402
from sagan_tf.training.step import gan_step  # noqa: E402

N_CLASSES, Z_DIM = 10, 16
# With epsilon far above the gradients Adam is linear, so that rounding is not amplified.
LINEAR = TwoTimescaleAdam(g_learning_rate=10.0, d_learning_rate=10.0, epsilon=1e3)


def pooled(x: tf.Tensor, *_) -> tf.Tensor:
    """Means of 2x2 entries, by operations that DTensor can divide: it has no rule for the gradient of pooling."""
    b, h, w, c = x.shape
    return tf.reduce_mean(tf.reshape(x, [b, h // 2, 2, w // 2, 2, c]), [2, 4])


def state() -> GAN:
    spec = sagan(32, width=FLAGS.width, discriminator_width=FLAGS.width, z_dim=Z_DIM, attention=(8,))
    spec = dataclasses.replace(spec, n_classes=N_CLASSES, cross_replica_norm=FLAGS.cross_replica_norm)
    return GAN(
        spec, optimizer=LINEAR, average=MovingAverage(decay=0.5, start=0), numerics=Numerics(resampling="plain"), seed=1
    )


def sampler() -> LatentSampler:
    return LatentSampler(
        latent="normal", z_dim=Z_DIM, n_classes=N_CLASSES, batch_size=FLAGS.batch_size, draws_per_step=2, seed=5
    )


def batches() -> tf.data.Dataset:
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (8, FLAGS.batch_size, 32, 32, 3)).astype(np.float32)
    off = tf.data.Options()
    off.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    labels = rng.integers(0, N_CLASSES, (8, FLAGS.batch_size)).astype(np.int32)
    return tf.data.Dataset.from_tensor_slices((images, labels)).repeat().with_options(off)


def mirrored() -> tuple[GAN, Callable[[int], None]]:
    """The state on two replicas, and what runs so many steps."""
    strategy = tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices("CPU")])
    if FLAGS.way == "collectives":  # what TensorFlow does by itself where all devices are GPUs
        strategy.extended._use_merge_call = lambda: False
        strategy.extended._collective_ops._options = tf.distribute.experimental.CommunicationOptions()
        for launcher in strategy.extended._collective_ops._launchers:
            launcher._options = tf.distribute.experimental.CommunicationOptions()
        compiled.compilation = lambda *_: "step"
    with strategy.scope():
        gan = state()
    steps = compiled.compile_steps(gan, Objective(), sampler(), strategy, 1, xla=FLAGS.way == "programs")
    iterator = iter(strategy.experimental_distribute_dataset(batches()))
    return gan, lambda n: float(steps(iterator, tf.constant(n))["d_loss"])


def dtensor() -> tuple[GAN, Callable[[int], None]]:
    """The same over a mesh: one program of the whole batch, which DTensor divides."""
    from tensorflow.experimental import dtensor

    dtensor.initialize_accelerator_system("CPU")
    mesh = dtensor.create_mesh([("batch", 2)], device_type="CPU")

    def on_mesh(_, initial_value, dtype=None, trainable=True, name=None, **__) -> tf.Variable:
        value = tf.convert_to_tensor(initial_value() if callable(initial_value) else initial_value, dtype)
        replicated = dtensor.Layout.replicated(mesh, rank=value.shape.rank)
        return dtensor.DVariable(dtensor.copy_to_mesh(value, replicated), trainable=trainable, name=name)

    with tf.variable_creator_scope(on_mesh), dtensor.default_mesh(mesh):
        gan = state()
    of_rows = {rank: dtensor.Layout(["batch", *["unsharded"] * (rank - 1)], mesh) for rank in (1, 4)}

    @tf.function(autograph=False, jit_compile=FLAGS.way == "dtensor_xla")
    def step(images, labels):
        loss = gan_step(gan, Objective(), sampler(), [(images, labels)], gan.step.read_value())["d_loss"]
        gan.step.assign_add(1)
        return loss

    data = iter(batches())

    def run(n: int) -> None:
        for _ in range(n):
            parts = [dtensor.pack(tf.split(tensor, 2), of_rows[tensor.shape.rank]) for tensor in next(data)]
            with dtensor.default_mesh(mesh):
                float(step(*parts))

    return gan, run


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    tf.nn.relu, tf.nn.max_pool2d, tf.nn.avg_pool2d = tf.nn.softplus, pooled, pooled
    gan, run = dtensor() if FLAGS.way.startswith("dtensor") else mirrored()
    start = time.perf_counter()
    run(1)
    first = time.perf_counter() - start
    run(2)
    found = {name: variable.numpy() for name, variable in gan.variables().items()}
    start = time.perf_counter()
    run(FLAGS.steps)
    print(
        f"{FLAGS.way}: first step {first:.1f} s, then {(time.perf_counter() - start) / FLAGS.steps * 1e3:.1f} ms a step"
    )
    if FLAGS.out:
        np.savez(FLAGS.out, **found)
    if FLAGS.beside:
        beside = np.load(FLAGS.beside)
        far = {name: np.abs(found[name] - beside[name]).max() / max(np.abs(beside[name]).max(), 1e-3) for name in found}
        worst = max(far, key=far.get)
        print(f"after 3 steps at most {far[worst]:.1e} of the largest entry from {FLAGS.beside}: {worst}")


if __name__ == "__main__":
    sys.exit(main())
