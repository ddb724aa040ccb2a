"""The fixture `tiny`: the smallest networks that exercise every part of a step, and data for them."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.compiled import compile_steps
from sagan_tf.training.ema import MovingAverage
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.optimizers import TwoTimescaleAdam
from sagan_tf.training.state import GAN
from sagan_tf.training.step import gan_step
from tests.closeness import NETWORK, assert_close, assert_same_state

SPEC = GANSpec(
    resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=3, z_dim=4,
    cross_replica_norm=True,
)  # fmt: skip
BATCH = 4
# With epsilon far above the gradients Adam is linear, so that rounding is not amplified.
LINEAR = TwoTimescaleAdam(g_learning_rate=10.0, d_learning_rate=10.0, epsilon=1e3)


def make(spec=SPEC, optimizer=LINEAR, precision="float32", resampling="auto", strategy=None, **options):
    with (strategy or tf.distribute.get_strategy()).scope():
        average, numerics = MovingAverage(decay=0.5, start=0), Numerics(precision=precision, resampling=resampling)
        return GAN(spec, optimizer=optimizer, average=average, numerics=numerics, seed=1, **options)


def draw(spec=SPEC, batch_size=BATCH, draws_per_step=2):
    return LatentSampler(
        latent="normal", z_dim=spec.z_dim, n_classes=3, batch_size=batch_size, draws_per_step=draws_per_step, seed=5
    )


def images(n=6, resolution=8):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n, BATCH, resolution, resolution, 3)).astype(np.float32)
    return x, rng.integers(0, 3, (n, BATCH)).astype(np.int32)


def batches(data=None, strategy=None):
    """An endless iterator over the batches of `data`, by default those of `images`."""
    strategy = strategy or tf.distribute.get_strategy()
    off = tf.data.Options()
    off.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = tf.data.Dataset.from_tensor_slices(data or images()).repeat().with_options(off)
    return iter(strategy.experimental_distribute_dataset(dataset))


def compiled(gan, objective=None, strategy=None, **options):
    strategy = strategy or tf.distribute.get_strategy()
    return compile_steps(gan, objective or Objective(), draw(gan.spec), strategy, 1, **options)


def call(steps, iterator, n=1):
    """Runs one call of n steps and returns its logs as floats."""
    return {name: float(value) for name, value in steps(iterator, tf.constant(n)).items()}


def step(gan, objective=None, *, number=0, draws=None, **options):
    """Runs one step eagerly, on the batch of its number."""
    x, y = (tf.constant(a[number]) for a in images())
    at = tf.constant(number, tf.int64)
    logs = gan_step(gan, objective or Objective(), draws or draw(gan.spec), [(x, y)], at, **options)
    return {name: float(value) for name, value in logs.items()}


def values(gan):
    return {name: v.numpy() for name, v in gan.variables().items()}


def assert_equal(gan, other):
    """Asserts that every variable is the same up to rounding."""
    assert_same_state(values(other), values(gan))


def assert_logs_equal(found, expected):
    """Asserts that all logs are the same up to rounding. The floor is for means of logits, whose terms cancel."""
    for name, value in expected.items():
        assert_close(found[name], value, relative=NETWORK, floor=0.1, name=name)


@pytest.fixture
def tiny():
    parts = (make, draw, images, batches, compiled, call, step, values, assert_equal, assert_logs_equal)
    return SimpleNamespace(spec=SPEC, batch=BATCH, **{part.__name__: part for part in parts})
