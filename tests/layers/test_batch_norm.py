"""Batch norms against NumPy, their moving statistics, and one batch against two replicas."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchNorm, BatchStatistics, local_moments, shifted_moments, unfrozen
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.linear import Dense, Embedding
from sagan_tf.layers.target_platform import targeting
from sagan_tf.layers.variable_names import named_variables
from tests.closeness import LAYER, assert_close, assert_each_close, half_precision

X = np.random.default_rng(0).normal(3.0, 2.0, (4, 5, 6, 3)).astype(np.float32)
MEAN, VARIANCE = X.mean((0, 1, 2), dtype=np.float64), X.var((0, 1, 2), dtype=np.float64)


def test_training_normalizes_by_the_biased_batch_moments():
    norm = BatchNorm(epsilon=1e-3)
    norm(X)
    norm.gain.assign([1.0, 2.0, 3.0])
    norm.bias.assign([0.5, 0.0, -1.0])
    expected = (X - MEAN) / np.sqrt(VARIANCE + 1e-3) * [1, 2, 3] + [0.5, 0, -1]
    assert_close(norm(X, training=True), expected, relative=LAYER)


@pytest.mark.parametrize("shift", [0.0, 3.0, -5.0])
def test_moments_in_one_pass_are_the_moments_and_have_their_gradients(shift):
    """No shift, one near the mean, and one four standard deviations away from it."""
    x, weights = tf.constant(X), tf.random.stateless_normal([2, 3], [1, 2])

    def value_and_gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            moments = tf.stack(function(x))
        return moments, tape.gradient(moments, x, weights)

    found = value_and_gradient(lambda x: shifted_moments(x, tf.fill([3], shift)))
    assert_close(found[0], [MEAN, VARIANCE], relative=LAYER)
    assert_each_close(found, value_and_gradient(local_moments), relative=LAYER)


def test_the_variance_of_a_constant_channel_is_not_negative():
    x = tf.fill([2, 8, 8, 1], 1000.1)
    _, variance = shifted_moments(x, tf.zeros([1]))
    assert 0.0 <= float(variance[0]) < 1.0
    assert float(shifted_moments(x, tf.fill([1], 1000.1))[1][0]) == 0.0


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_accelerators_norm_gives_the_cpus_map_gradients_and_moving_statistics(dtype):
    def results():
        norm = BatchNorm(dtype=dtype)
        norm(X, training=True)  # after which the moving mean shifts the moments
        with tf.GradientTape() as tape:
            x = tf.constant(X)
            tape.watch(x)
            y = norm(x, training=True)
        gradients = tape.gradient(y, [x, *norm.trainable_variables], tf.cos(y))
        return [y, *gradients, norm.statistics.moving_mean, norm.statistics.moving_variance]

    expected = results()
    with targeting("tpu"):
        found = results()
    relative = LAYER if dtype == "float32" else half_precision(tf.bfloat16)
    assert_each_close(found, expected, relative=relative)


def test_moving_statistics_keep_their_share_and_inference_uses_them():
    norm = BatchNorm(decay=0.9, epsilon=1e-5)
    norm(X, training=True)
    norm(X, training=True)
    mean, variance = MEAN * (1 - 0.9**2), 0.9**2 + VARIANCE * (1 - 0.9**2)
    assert_close(norm.statistics.moving_mean, mean, relative=LAYER)
    assert_close(norm.statistics.moving_variance, variance, relative=LAYER)
    assert_close(norm(X), (X - mean) / np.sqrt(variance + 1e-5), relative=LAYER)
    assert_close(norm.statistics.moving_mean, mean, relative=LAYER)


def test_the_constants_of_sagans_code_are_the_defaults():
    for norm, decay in ((ConditionalBatchNorm(n_classes=4), 0.999), (BatchNorm(), 0.9999)):
        statistics = norm.statistics
        assert (statistics.decay, norm.epsilon) == (decay, 1e-5)
        assert (statistics.cross_replica, statistics.inference) == (False, "moving")


def test_batch_statistics_in_inference_are_the_batchs_own_and_nothing_moves():
    norm = BatchNorm(inference="batch")
    norm(X)
    assert_close(norm(X), (X - MEAN) / np.sqrt(VARIANCE + 1e-5), relative=LAYER)
    np.testing.assert_array_equal(norm.statistics.moving_mean, np.zeros(3))
    with pytest.raises(ValueError, match="inference must be one of moving, batch"):
        BatchNorm(inference="standing")


def tables(n_classes=4, channels=3):
    gain = Embedding(n_classes, channels, kernel_initializer="ones")
    return ConditionalBatchNorm(gain=gain, bias=Embedding(n_classes, channels, kernel_initializer="zeros"))


def test_tables_start_as_plain_batch_norm_and_then_follow_the_label():
    norm = tables()
    y = tf.constant([0, 1, 2, 3])
    assert_close(norm(X, y, training=True), BatchNorm()(X, training=True), relative=LAYER)
    gains, biases = np.random.default_rng(1).normal(size=(2, 4, 3)).astype(np.float32)
    norm.gain.kernel.assign(gains)
    norm.bias.kernel.assign(biases)
    expected = (X - MEAN) / np.sqrt(VARIANCE + 1e-5) * gains[:, None, None] + biases[:, None, None]
    assert_close(norm(X, y, training=True), expected, relative=LAYER)


def test_tables_that_are_centered_at_one_start_as_plain_batch_norm_too():
    """BigGAN-PyTorch's gain is 1 + the table's row."""
    norm, y = ConditionalBatchNorm(n_classes=4, one_centered=True), tf.constant([0, 1, 2, 3])
    assert_close(norm(X, y, training=True), BatchNorm()(X, training=True), relative=LAYER)
    norm.gain.kernel.assign(np.full((4, 3), 0.5, np.float32))
    assert_close(norm(X, y, training=True), 1.5 * BatchNorm()(X, training=True), relative=LAYER)


def test_linear_maps_are_centered_at_one():
    condition = np.random.default_rng(2).normal(size=(4, 5)).astype(np.float32)
    maps = [Dense(3, use_bias=False, kernel_initializer="zeros") for _ in range(2)]
    norm = ConditionalBatchNorm(gain=maps[0], bias=maps[1], one_centered=True)
    assert_close(norm(X, condition, training=True), BatchNorm()(X, training=True), relative=LAYER)
    kernel = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    norm.gain.kernel.assign(kernel)
    expected = (X - MEAN) / np.sqrt(VARIANCE + 1e-5) * (1 + condition @ kernel)[:, None, None]
    assert_close(norm(X, condition, training=True), expected, relative=LAYER)


def replicas_of(strategy, statistics, x):
    """Each replica's (mean, variance) on its half of the batch."""

    @tf.function
    def call():
        def replica():
            i = tf.distribute.get_replica_context().replica_id_in_sync_group
            return tf.stack(statistics(tf.gather(tf.constant(x), [2 * i, 2 * i + 1]), training=True))

        return strategy.run(replica)

    return [np.array(value) for value in strategy.experimental_local_results(call())]


def test_the_variance_of_all_replicas_is_not_negative(mirrored):
    """Channels that are constant on each replica, 500 to 1000 and the next number: E x^2 - mean^2 is rounding alone."""
    means = np.random.default_rng(0).uniform(500, 1000, 64).astype(np.float32)
    x = np.stack([means, means, *[np.nextafter(means, np.float32(np.inf))] * 2])[:, None, None]
    with mirrored.scope():
        statistics = BatchStatistics(decay=0.0, cross_replica=True)
        statistics(x)
    for _, variance in replicas_of(mirrored, statistics, x):
        assert variance.min() >= 0 and variance.max() < 1


FAR = np.random.default_rng(4).normal(1000.0, 1.0, (4, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize(("platform", "moving_mean"), [("cpu", 0.0), ("tpu", 1000.0)])
def test_the_moments_of_all_replicas_keep_their_digits_far_from_zero(platform, moving_mean, mirrored):
    """E x^2 - (E x)^2 has one or two of a variance near 1 at a mean of 1000. Float32's step there is 6e-5."""
    x = FAR + np.array([0, 0, 1, 1], np.float32)[:, None, None, None]
    with mirrored.scope():
        statistics = BatchStatistics(decay=0.0, cross_replica=True)
        statistics(x)
        statistics.moving_mean.assign(tf.fill([3], moving_mean))
    with targeting(platform):
        found = replicas_of(mirrored, statistics, x)
    for mean, variance in found:
        assert_close(mean, x.mean((0, 1, 2), dtype=np.float64), relative=LAYER)
        assert_close(variance, x.var((0, 1, 2), dtype=np.float64), relative=1e-3)


def test_the_gradient_of_a_norm_over_two_replicas_is_that_of_the_whole_batch(mirrored):
    with mirrored.scope():
        norm = BatchNorm(cross_replica=True)
        norm(X)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = norm(x, training=True)
        return tape.gradient(y, x, tf.cos(3.0 * x))

    @tf.function
    def of_replicas():
        def replica():
            i = tf.distribute.get_replica_context().replica_id_in_sync_group
            return gradient(tf.gather(tf.constant(X), [2 * i, 2 * i + 1]))

        return mirrored.run(replica)

    found = np.concatenate([np.array(part) for part in mirrored.experimental_local_results(of_replicas())])
    assert_close(found, gradient(tf.constant(X)), relative=LAYER)


@pytest.mark.parametrize("cross_replica", [True, False])
def test_two_replicas_keep_equal_moving_statistics_those_of_the_whole_batch(mirrored, cross_replica):
    with mirrored.scope():
        statistics = BatchStatistics(decay=0.0, cross_replica=cross_replica)
        statistics.build((None, 5, 6, 3))
        statistics.built = True
    results = replicas_of(mirrored, statistics, X)
    for half, (mean, variance) in zip((X[:2], X[2:]), results, strict=True):
        seen = X if cross_replica else half
        assert_close(mean, seen.mean((0, 1, 2), dtype=np.float64), relative=LAYER)
        assert_close(variance, seen.var((0, 1, 2), dtype=np.float64), relative=LAYER)
    for copy in mirrored.experimental_local_results(named_variables(statistics)["moving_mean"]):
        assert_close(copy, MEAN, relative=LAYER)


def frozen_by_itself(make):
    layer = make()
    layer.trainable = False
    return layer


def frozen_at_construction(make):
    return make(trainable=False)


def frozen_when_read_again(make):
    frozen = frozen_by_itself(make)
    return type(frozen).from_config(frozen.get_config())


Y = tf.constant([0, 1, 2, 3])


@pytest.mark.parametrize("freeze", [frozen_by_itself, frozen_at_construction, frozen_when_read_again])
@pytest.mark.parametrize("make", [BatchNorm, functools.partial(ConditionalBatchNorm, n_classes=4)])
def test_a_frozen_norm_is_in_inference_as_keras_is(make, freeze):
    norm = freeze(make)
    norm(X, Y)
    norm.statistics.moving_mean.assign([1.0, 2.0, 9.0])
    np.testing.assert_array_equal(norm(X, Y, training=True), norm(X, Y, training=False))
    np.testing.assert_array_equal(norm.statistics.moving_mean, [1.0, 2.0, 9.0])
    assert not norm.trainable_variables
    norm.trainable = True
    assert_close(norm(X, Y, training=True), make()(X, Y, training=True), relative=LAYER)
    decay = norm.statistics.decay
    expected = decay * np.array([1.0, 2.0, 9.0]) + (1 - decay) * MEAN
    assert_close(norm.statistics.moving_mean, expected, relative=LAYER)


def test_a_frozen_model_keeps_the_statistics_of_its_norms_while_the_rest_is_trained():
    """Beside Keras' own norm, which does the same."""
    inputs = tf.keras.Input((5, 6, 3))
    norms = [BatchNorm(decay=0.5), tf.keras.layers.BatchNormalization(momentum=0.5, epsilon=1e-5)]
    base = tf.keras.Model(inputs, [norm(inputs) for norm in norms])
    base.trainable = False
    ours, kerass = base(X, training=True)
    assert_close(ours, kerass, relative=LAYER)
    assert_close(ours, X / np.sqrt(1 + 1e-5), relative=LAYER)
    base.trainable = True
    ours, kerass = base(X, training=True)
    assert_close(ours, kerass, relative=LAYER)
    assert_close(norms[0].statistics.moving_mean, MEAN / 2, relative=LAYER)


def test_a_scope_unfreezes_norms_to_measure_moments():
    norm = frozen_by_itself(BatchNorm)
    norm(X)
    with unfrozen():
        assert_close(norm(X, training=True), BatchNorm()(X, training=True), relative=LAYER)
    np.testing.assert_array_equal(norm(X, training=True), norm(X))
