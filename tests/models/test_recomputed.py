"""Recomputed blocks: the same losses, gradients, u and statistics, from less that is kept."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.initializers import seeded
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.naming import named_variables
from sagan_tf.layers.resampling import ConvDownsample2D
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.models.blocks import DBlock
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.families import biggan, sagan
from sagan_tf.models.generator import Generator
from sagan_tf.models.parts import Numerics
from sagan_tf.models.recomputed import recomputed, runner

TINY = sagan(32, width=8, attention=(16,), z_dim=16).with_classes(5)
SHARED = biggan(32, width=8, z_dim=16, shared_dim=6, attention_g=(16,), initializer="glorot_uniform").with_classes(5)
Z = tf.random.stateless_normal([4, 16], [1, 2])
Y = tf.constant([0, 4, 2, 1])
X = tf.random.stateless_normal([2, 8, 8, 8], [3, 4])


def networks(spec, recompute, **numerics):
    chosen = Numerics(recompute=recompute, **numerics)
    made = Generator(spec, numerics=chosen), Discriminator(spec, numerics=chosen)
    for network in made:
        for name, variable in named_variables(network).items():
            if name.endswith("gamma"):
                variable.assign(0.5)
    return made


def state(generator, discriminator):
    return {f"{n}.{name}": v for n, net in (("g", generator), ("d", discriminator)) for name, v in
            named_variables(net).items()}  # fmt: skip


def pass_and_gradients(generator, discriminator, z=Z, y=Y):
    """The loss of both networks in training mode and its gradients by every weight."""
    weights = [v for v in state(generator, discriminator).values() if v.trainable]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(weights)
        logits = discriminator(generator(z, y, training=True), y, training=True).logits
        loss = tf.reduce_mean(tf.nn.softplus(logits))
    return loss, [tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)]


def assert_same(first, second, tolerance=1e-6):
    for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=tolerance)


def test_gradients_u_and_statistics_are_the_plain_ones():
    plain, recomputing = networks(TINY, "none"), networks(TINY, "blocks")
    assert_same(tf.function(pass_and_gradients)(*recomputing), tf.function(pass_and_gradients)(*plain))
    assert_same(*({n: v.numpy() for n, v in state(*nets).items()} for nets in (recomputing, plain)))
    moved = state(*recomputing)["g.blocks.0.norm_1.statistics.moving_mean"].numpy()
    assert np.abs(moved).max() > 0


def test_two_replicas_store_once_and_agree_with_the_whole_batch(mirrored):
    with mirrored.scope():
        generator, _ = networks(SHARED, "blocks")
    whole, _ = networks(SHARED, "none")

    def image_and_gradients(net, z, y):
        weights = [v for v in named_variables(net).values() if v.trainable]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            images = net(z, y, training=True)
            loss = tf.reduce_mean(images**2)
        return images, [tf.convert_to_tensor(g) for g in tape.gradient(loss, weights)]

    @tf.function
    def call():
        def replica():
            context = tf.distribute.get_replica_context()
            i = context.replica_id_in_sync_group
            images, gradients = image_and_gradients(generator, Z[2 * i : 2 * i + 2], Y[2 * i : 2 * i + 2])
            return images, context.all_reduce("MEAN", gradients)

        return mirrored.run(replica)

    images, gradients = call()
    expected, expected_gradients = image_and_gradients(whole, Z, Y)
    assert_same(tf.concat(mirrored.experimental_local_results(images), 0), expected, 1e-5)
    assert_same([mirrored.experimental_local_results(g)[1] for g in gradients], expected_gradients, 1e-5)
    both = (named_variables(net) for net in (generator, whole))
    for (name, ours), theirs in zip(next(both).items(), next(both).values(), strict=True):
        for copy in mirrored.experimental_local_results(ours):
            np.testing.assert_allclose(copy, theirs, rtol=1e-4, atol=1e-5, err_msg=name)


def block():
    drawn = seeded("glorot_uniform", 0)

    def conv(channels, size=3, resample=None):
        if resample == "down":
            return SpectralNorm(ConvDownsample2D(channels, kernel_initializer=next(drawn)))
        return SpectralNorm(Conv2D(channels, size, kernel_initializer=next(drawn)))

    made = DBlock(8, 16, hidden=16, pools=True, conv=conv)
    made(X)
    return made


def penalty(layer, run):
    """R1's way through a layer: the gradient, by its weights, of the squared gradient by its input."""
    weights = [v for v in named_variables(layer).values() if v.trainable]
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(weights)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(X)
            out = tf.reduce_sum(run(layer, X, training=True) ** 2)
        value = tf.reduce_sum(inner.gradient(out, X) ** 2)
    return value, outer.gradient(value, weights)


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_gradients_of_gradients_are_the_plain_ones(mode):
    plain, recomputing = block(), block()
    call = penalty if mode == "eager" else tf.function(penalty, jit_compile=mode == "xla")
    expected = penalty(plain, runner("none"))
    for a, b in zip(tf.nest.flatten(call(recomputing, recomputed)), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max())
    for a, b in zip(recomputing.weights, plain.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def convolutions(run):
    """How many are left when XLA has merged what is alike."""
    layer = block()
    weights = [v for v in named_variables(layer).values() if v.trainable]

    @tf.function(jit_compile=True)
    def gradients(x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss = tf.reduce_sum(run(layer, x, training=True) ** 2)
        return tape.gradient(loss, weights)

    return gradients.experimental_get_compiler_ir(X)(stage="optimized_hlo").count(" convolution(")


def test_xla_does_not_merge_the_two_passes():
    plain, twice = convolutions(runner("none")), convolutions(recomputed)
    assert plain > 0 and twice >= plain + 1


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_half_precision_is_recomputed_too(dtype):
    def gradients(layer, run):
        weights = [v for v in named_variables(layer).values() if v.trainable]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            out = run(layer, tf.cast(X, dtype), training=True)
            loss = tf.reduce_sum(tf.cast(out, tf.float32) ** 2)
        assert out.dtype == dtype
        return tape.gradient(loss, weights)

    for a, b in zip(gradients(block(), recomputed), gradients(block(), runner("none")), strict=True):
        assert a.dtype == tf.float32
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
