"""Replicas whose parts XLA compiles one by one, with the sums between them, train as one device without XLA."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import batch_norm
from sagan_tf.layers.batch_norm import BatchStatistics
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.objectives.augmentation import AdaptiveAugmentation
from sagan_tf.objectives.lecam import LeCam
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.compiled import compile_steps, replica_step
from sagan_tf.training.programs import Programs, ReplicaProgram
from sagan_tf.training.step import gan_step
from tests.closeness import ROUNDING, assert_close

LECAM = LeCam(start=1)
AUGMENTATION = AdaptiveAugmentation(strength=0.5, target=-0.9, ramp_images=80, interval=2)


@pytest.fixture
def as_on_gpus(mirrored, monkeypatch):
    """Two replicas that TensorFlow treats as it treats GPUs: within XLA's programs they may not wait for each other."""
    from tensorflow.python.framework import ops
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    monkeypatch.setattr(
        mirrored.extended, "_use_merge_call", lambda: not GraphOrParentsInXlaContext(ops.get_default_graph())
    )
    return mirrored


@pytest.fixture
def without_moments(monkeypatch):
    """Batch norm's moments, which differ between replicas and microbatches, are held."""
    monkeypatch.setattr(batch_norm, "local_moments", lambda x: (tf.zeros(x.shape[-1]), tf.ones(x.shape[-1])))


def by_single_operations(tiny, objective, data, n_d, steps, **options):
    """One device with the whole batch: the state, and the last step's logs."""
    gan = tiny.make(**options)
    draw, pairs = tiny.draw(gan.spec, draws_per_step=n_d + 1), list(zip(*map(tf.constant, data), strict=True))
    for step in range(steps):
        logs = gan_step(gan, objective, draw, pairs[n_d * step : n_d * (step + 1)], tf.constant(step, tf.int64))
    gan.step.assign(steps)
    return gan, {name: float(value) for name, value in logs.items()}


def by_programs(tiny, strategy, objective, data, n_d, steps, *, microbatches=1, **options):
    """The same on replicas, in calls of one step."""
    gan = tiny.make(strategy=strategy, **options)
    draw = tiny.draw(gan.spec, draws_per_step=n_d + 1)
    call = compile_steps(gan, objective, draw, strategy, n_d, microbatches=microbatches, xla=True)
    iterator = tiny.batches(data, strategy)
    for _ in range(steps):
        logs = tiny.call(call, iterator)
    return gan, logs


def test_programs_are_traced_once_for_all_updates_of_a_step_and_all_microbatches(
    monkeypatch, without_moments, smooth, tiny
):
    """What differs between two updates is an argument. On one replica and without XLA, which would take longer."""
    function = tf.function
    monkeypatch.setattr(tf, "function", lambda *args, jit_compile=None, **options: function(*args, **options))
    spec = dataclasses.replace(tiny.spec, cross_replica_norm=False)
    objective, data = Objective(lecam=LECAM), tiny.images()
    one, _ = by_single_operations(tiny, objective, data, 2, 2, spec=spec, lecam=LECAM)
    gan, pairs = tiny.make(spec=spec, lecam=LECAM), list(zip(*map(tf.constant, data), strict=True))
    traced = []

    def counted(function):
        return ReplicaProgram(lambda *args: traced.append(function) or function(*args))

    programs, draw = Programs(part=counted, generator_pass=counted), tiny.draw(spec, draws_per_step=3)
    step = tf.function(replica_step(gan, objective, draw, microbatches=2, programs=programs), autograph=False)
    for number in range(2):
        step(pairs[2 * number : 2 * number + 2], tf.constant(number, tf.int64))
    gan.step.assign(2)
    tiny.assert_equal(one, gan)
    assert len(traced) == len({id(function) for function in traced}) + 1 == 7  # G's penalty: the first microbatch alone


@pytest.mark.slow(reason="XLA compiles seven programs for each of two replicas: more than a minute")
def test_two_replicas_with_every_term_microbatches_and_an_update_that_is_left_out(
    without_moments, smooth, as_on_gpus, tiny
):
    spec = dataclasses.replace(tiny.spec, cross_replica_norm=False, attention_g=(8,), attention_d=(4,))
    objective = Objective(r1=1.0, dropout=0.3, lecam=LECAM, orthogonal=1e-3)
    images, labels = tiny.images()
    images[3, 3, 2, 2, 0] = np.nan  # on the second replica, in D's second update of the second step
    run = {"data": (images, labels), "n_d": 2, "steps": 2, "spec": spec, "augmentation": AUGMENTATION, "lecam": LECAM}
    one, _ = by_single_operations(tiny, objective, **run)
    two, logs = by_programs(tiny, as_on_gpus, objective, **run, microbatches=2)
    tiny.assert_equal(one, two)
    assert logs["skipped"] == 1 and logs["bad_tensor"] == 0
    for name, variable in two.variables().items():
        first, second = (v.numpy() for v in as_on_gpus.experimental_local_results(variable))
        np.testing.assert_array_equal(first, second, err_msg=name)


@pytest.mark.slow(reason="XLA compiles the programs of two replicas")
def test_a_batch_norm_over_all_replicas_leaves_the_passes_of_g_uncompiled(smooth, as_on_gpus, tiny):
    run = {"data": tiny.images(), "n_d": 1, "steps": 2}
    one, expected = by_single_operations(tiny, Objective(), **run)
    two, logs = by_programs(tiny, as_on_gpus, Objective(), **run)
    tiny.assert_equal(one, two)
    tiny.assert_logs_equal(logs, expected)


def test_moving_averages_follow_the_moments_of_all_replicas_after_the_program(as_on_gpus):
    x = np.random.default_rng(0).normal(3.0, 2.0, (2, 4, 2, 2, 5)).astype(np.float32)
    with as_on_gpus.scope():
        statistics = BatchStatistics(decay=0.75)
        statistics.build((None, 2, 2, 5))

    def step():
        rows = tf.gather(tf.constant(x), tf.distribute.get_replica_context().replica_id_in_sync_group)
        return ReplicaProgram(lambda rows: statistics(rows, training=True))(rows)

    used = tf.function(lambda: as_on_gpus.run(step), autograph=False)()
    for replica, (mean, variance) in enumerate(zip(*map(as_on_gpus.experimental_local_results, used), strict=True)):
        assert_close(mean, x[replica].mean((0, 1, 2)), relative=ROUNDING)
        assert_close(variance, x[replica].var((0, 1, 2)), relative=ROUNDING)
    moving = named_variables(statistics)
    for mean in as_on_gpus.experimental_local_results(moving["moving_mean"]):
        assert_close(mean, 0.25 * x.mean((0, 1, 2, 3)), relative=ROUNDING)
    for variance in as_on_gpus.experimental_local_results(moving["moving_variance"]):
        assert_close(variance, 0.75 + 0.25 * x.var((0, 1, 2, 3)), relative=ROUNDING)
