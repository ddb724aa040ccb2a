"""The built networks: parameters against the arithmetic, names of variables, initial values and behavior."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchNorm
from sagan_tf.layers.initializers import orthogonal
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.resampling import UpsampleConv2D, downsample, upsample
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.blocks import DBottleneck, GBottleneck, MatchedResidual
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.families import biggan_deep, sagan, sngan_projection
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import fold
from sagan_tf.models.parameters import (
    discriminator_parameters,
    discriminator_table,
    generator_parameters,
    generator_table,
)
from sagan_tf.models.parts import Numerics
from tests.closeness import LAYER, NETWORK, assert_close, half_precision

TINY = sagan(32, width=8, attention=(16,), z_dim=16).with_classes(5)
VARIANTS = {
    "sagan": TINY,
    "no_attention": dataclasses.replace(TINY, attention_g=(), attention_d=()),
    "paper_attention": dataclasses.replace(TINY, attention_form="paper"),
    "residual": dataclasses.replace(TINY, long_range="residual"),
    "sngan": dataclasses.replace(TINY, spectral_norm_g=False, thin_discriminator=True),
    "acgan": dataclasses.replace(TINY, head="auxiliary"),
    "unconditional": dataclasses.replace(TINY, conditioning="none", head="plain"),
    "shared": dataclasses.replace(TINY, conditioning="shared", shared_dim=6),
    "biggan": dataclasses.replace(
        TINY, conditioning="shared", shared_dim=6, hierarchical=True, initializer="orthogonal"
    ),
    "no_head_bias": dataclasses.replace(TINY, head_bias=False),
    "biggan_deep": biggan_deep(32, width=8, z_dim=16, shared_dim=6).with_classes(5),
    "biggan_deep_of_pytorch": biggan_deep(
        32, width=4, z_dim=16, shared_dim=6, depth=1, condition_order="embedding_z", wide_rgb=False, attention_d=(16,)
    ).with_classes(5),
}


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize("name", VARIANTS)
def test_built_networks_have_the_counted_parameters_and_finite_gradients(name):
    spec = VARIANTS[name]
    generator, discriminator = Generator(spec), Discriminator(spec)
    assert count(generator.trainable_variables) == generator_parameters(spec)
    assert count(discriminator.trainable_variables) == discriminator_parameters(spec)
    z = tf.random.stateless_normal([2, spec.z_dim], [1, 2])
    y = tf.constant([1, 3])
    with tf.GradientTape() as tape:
        output = discriminator(generator(z, y, training=True), y, training=True)
        loss = tf.reduce_sum(output.logits)
        if output.class_logits is not None:
            loss += tf.reduce_sum(output.class_logits**2)
    variables = [v for m in (generator, discriminator) for v in named_variables(m).values() if v.trainable]
    gradients = tape.gradient(loss, variables)
    assert all(g is not None and np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)


@pytest.mark.parametrize("name", ["biggan", "biggan_deep"])
def test_stage_by_stage_the_built_generator_matches_the_table(name):
    spec = VARIANTS[name]
    generator = Generator(spec)
    built = [count(generator.shared.trainable_variables), count(generator.dense.trainable_variables)]
    for block, long_range in zip(generator.blocks, generator.long_range, strict=True):
        built.append(count(block.trainable_variables))
        built += [count(long_range.trainable_variables)] if long_range is not None else []
    built.append(count(generator.final_norm.trainable_variables) + count(generator.to_rgb.trainable_variables))
    assert built == [stage.parameters for stage in generator_table(spec)]


def test_stage_by_stage_the_built_discriminator_of_biggan_deep_matches_the_table():
    discriminator = Discriminator(VARIANTS["biggan_deep"])
    built = [count(discriminator.stem.trainable_variables)]
    for block, long_range in zip(discriminator.blocks, discriminator.long_range, strict=True):
        built.append(count(block.trainable_variables))
        built += [count(long_range.trainable_variables)] if long_range is not None else []
    built.append(count(discriminator.head.trainable_variables))
    assert built == [stage.parameters for stage in discriminator_table(discriminator.spec)]


def test_shortcuts_of_bottlenecks_pass_their_input_on():
    """With the last convolution at zero, G's block drops channels and D's adds a 1x1 of the input behind them."""

    def sized(channels, size=3, resample=None):
        conv = UpsampleConv2D if resample else functools.partial(Conv2D, size=size)
        return conv(channels, kernel_initializer="zeros")

    x = tf.random.stateless_normal([2, 4, 4, 8], [1, 2])
    block = GBottleneck(8, 4, hidden=2, upsamples=True, conv=sized, norm=lambda channels: BatchNorm())
    np.testing.assert_array_equal(block(x, None), upsample(x[..., :4]))
    block = DBottleneck(8, 12, hidden=3, pools=True, conv=sized)
    out = block(x)
    block.shortcut.kernel.assign(tf.ones([1, 1, 8, 4]))
    np.testing.assert_array_equal(out, tf.concat([downsample(x), tf.zeros([2, 2, 2, 4])], -1))
    assert_close(block(x)[..., 8:], tf.repeat(tf.reduce_sum(downsample(x), -1, keepdims=True), 4, -1), relative=LAYER)


@pytest.mark.parametrize("conditioning", ["tables", "shared", "none"])
def test_each_norm_has_the_descriptions_constants(conditioning):
    constants = {"norm_decay": 0.5, "final_norm_decay": 0.6, "norm_epsilon": 0.1, "final_norm_epsilon": 0.2}
    head = "plain" if conditioning == "none" else "projection"
    spec = dataclasses.replace(TINY, conditioning=conditioning, head=head, spectral_norm_epsilon=0.3, **constants)
    generator, discriminator = Generator(spec), Discriminator(spec)
    for norm in (norm for block in generator.blocks for norm in (block.norm_1, block.norm_2)):
        assert (norm.statistics.decay, norm.epsilon) == (0.5, 0.1)
    assert (generator.final_norm.statistics.decay, generator.final_norm.epsilon) == (0.6, 0.2)
    normalized = [generator.dense, generator.to_rgb, generator.long_range[1].query, discriminator.head.dense]
    normalized += [block.conv_1 for block in (*generator.blocks, *discriminator.blocks)]
    normalized += [discriminator.head.embedding] if head == "projection" else []
    normalized += [generator.blocks[0].norm_1.gain] if conditioning == "shared" else []
    assert {layer.epsilon for layer in normalized} == {0.3}


def test_the_residual_block_is_the_identity_plus_gamma_times_two_preactivated_convolutions():
    x = tf.random.stateless_normal([2, 6, 6, 16], [1, 2])
    block = MatchedResidual(16, conv=lambda channels, size=3, use_bias=True: Conv2D(channels, size, use_bias=use_bias))
    np.testing.assert_array_equal(block(x), x)
    block.gamma.assign(0.5)
    inner, outer = (tf.convert_to_tensor(conv.kernel) for conv in (block.conv_1, block.conv_2))
    h = tf.nn.conv2d(tf.nn.relu(x), inner, 1, "SAME")
    assert_close(block(x), x + 0.5 * tf.nn.conv2d(tf.nn.relu(h), outer, 1, "SAME"), relative=LAYER)


def test_frozen_blocks_and_the_stem_before_them_keep_their_u():
    discriminator = Discriminator(VARIANTS["biggan_deep_of_pytorch"], frozen_blocks=1)
    names = [name for name in named_variables(discriminator) if name.endswith(".u")]
    before = {name: named_variables(discriminator)[name].numpy() for name in names}
    discriminator(tf.random.stateless_normal([2, 32, 32, 3], [1, 2]), tf.constant([1, 3]), training=True)
    kept = {name for name in names if np.array_equal(before[name], named_variables(discriminator)[name].numpy())}
    assert kept == discriminator.frozen_names(names) and {"stem.u", "blocks.0.conv_1.u"} <= kept
    assert not any(name.startswith(("blocks.1.", "head.")) for name in kept)


def test_initial_weights_depend_on_the_seed_alone():
    first, again, other = (named_variables(Generator(TINY, seed=s)) for s in (3, 3, 4))
    for name, variable in first.items():
        np.testing.assert_array_equal(variable, again[name])
    assert not np.array_equal(first["dense.layer.kernel"], other["dense.layer.kernel"])
    assert not np.array_equal(first["blocks.0.conv_2.layer.kernel"], first["blocks.1.conv_2.layer.kernel"]), (
        "every kernel has its own draw"
    )


def test_initial_values_are_the_released_codes():
    """Glorot uniform kernels, zero biases, class gains one and biases zero, gamma zero."""
    variables = named_variables(Generator(TINY))
    kernel = variables["blocks.1.conv_2.layer.kernel"].numpy()
    limit = np.sqrt(6 / (9 * 32 + 9 * 32))
    assert np.abs(kernel).max() <= limit and np.abs(kernel.std() - limit / np.sqrt(3)) < 0.02 * limit
    assert (variables["blocks.0.norm_1.gain.kernel"].numpy() == 1).all()
    assert (variables["blocks.0.norm_1.bias.kernel"].numpy() == 0).all()
    assert all((v.numpy() == 0).all() for n, v in variables.items() if n.endswith("layer.bias"))
    assert variables["long_range.1.gamma"].numpy() == 0


def test_sngan_starts_its_3x3_kernels_wider_and_its_last_convolution_not():
    spec = sngan_projection(32, width=8, z_dim=16).with_classes(5)
    variables = named_variables(Generator(spec))
    inner, last = (variables[f"{n}.kernel"].numpy() for n in ("blocks.1.conv_2", "to_rgb"))
    np.testing.assert_allclose(np.abs(inner).max(), np.sqrt(2) * np.sqrt(6 / (9 * 32 + 9 * 32)), rtol=1e-2)
    np.testing.assert_allclose(np.abs(last).max(), np.sqrt(6 / (9 * 32 + 9 * 3)), rtol=1e-2)


def test_orthogonal_kernels_are_orthogonal():
    kernel = named_variables(Generator(VARIANTS["biggan"]))["blocks.0.conv_1.layer.kernel"].numpy().reshape(-1, 32)
    assert_close(kernel.T @ kernel, np.eye(32), relative=LAYER)


def test_orthogonal_kernels_are_drawn_from_all_of_them_uniformly():
    """As numpy.linalg.qr leaves it, the first entry would be negative in every draw."""
    first = [orthogonal(np.random.default_rng(seed), (5, 3))[0, 0] for seed in range(200)]
    assert 0.4 < np.mean(np.array(first) > 0) < 0.6
    assert np.mean(np.square(first)) == pytest.approx(1 / 5, rel=0.15)


def test_spectral_norm_is_where_the_released_code_has_it():
    g, d = named_variables(Generator(TINY)), named_variables(Discriminator(TINY))
    normalized = {n.removesuffix("u") for n in (*g, *d) if n.endswith(".u")}
    kernels = {n.removesuffix("layer.kernel") for n in (*g, *d) if n.endswith("layer.kernel")}
    assert normalized == kernels and "head.embedding." in normalized
    assert not any("norm_" in n for n in normalized), "class tables are not normalized"
    assert not any(n.endswith(".u") for n in named_variables(Generator(VARIANTS["sngan"])))


def test_the_same_names_in_both_keras_flavors():
    names = list(named_variables(Generator(TINY)))
    assert names[:3] == ["blocks.0.conv_1.layer.bias", "blocks.0.conv_1.layer.kernel", "blocks.0.conv_1.u"]
    assert "long_range.1.query.layer.kernel" in names and "final_norm.statistics.moving_variance" in names
    assert len(names) == len(Generator(TINY).weights)


@pytest.mark.parametrize("name", ["sagan", "biggan_deep"])
def test_resampling_forms_and_bfloat16_compute_the_same_image(name):
    spec = VARIANTS[name]
    z = tf.random.stateless_normal([2, spec.z_dim], [1, 2])
    y = tf.constant([0, 4])
    images = {
        (p, r): Generator(spec, numerics=Numerics(precision=p, resampling=r))(z, y, training=True).numpy()
        for p, r in (("float32", "plain"), ("float32", "fused"), ("bfloat16", "auto"))
    }
    plain = images["float32", "plain"]
    assert plain.shape == (2, 32, 32, 3) and plain.std() > 0.1
    assert_close(images["float32", "fused"], plain, relative=NETWORK)
    assert_close(images["bfloat16", "auto"], plain, relative=half_precision(tf.bfloat16, layers=20))


def test_labels_and_latents_matter():
    generator, discriminator = Generator(TINY), Discriminator(TINY)
    tables = named_variables(generator)["blocks.0.norm_1.bias.kernel"]
    tables.assign(np.random.default_rng(0).normal(size=tables.shape))
    z = tf.repeat(tf.random.stateless_normal([1, TINY.z_dim], [1, 2]), 2, 0)
    a, b = generator(z, tf.constant([0, 1])).numpy()
    assert np.abs(a - b).max() > 1e-3
    logits = discriminator(tf.stack([a, a]), tf.constant([0, 1])).logits.numpy()
    assert abs(logits[0] - logits[1]) > 1e-4


def test_batch_statistics_make_inference_the_training_pass():
    spec = dataclasses.replace(TINY, inference_statistics="batch")
    z, y = tf.random.stateless_normal([3, spec.z_dim], [1, 2]), tf.constant([0, 4, 2])
    generator = Generator(spec)
    assert_close(generator(z, y), generator(z, y, training=True), relative=NETWORK)


def test_bad_numerics_are_refused():
    with pytest.raises(ValueError, match="precision must be"):
        Numerics(precision="float8")
    with pytest.raises(ValueError, match="resampling must be"):
        Numerics(resampling="fast")
    with pytest.raises(ValueError, match="attention must be"):
        Numerics(attention="flash")


def test_without_a_seed_kernels_are_zeros_to_be_read_from_elsewhere():
    spec = VARIANTS["biggan"]
    made, blank = named_variables(Generator(spec)), named_variables(Generator(spec, seed=None))
    assert {n: v.shape for n, v in blank.items()} == {n: v.shape for n, v in made.items()}
    assert not any(v.numpy().any() for n, v in blank.items() if n.endswith(".kernel"))


def test_on_gray_data_images_are_the_mean_of_the_channels_in_inference_alone():
    generator = Generator(TINY, seed=1)
    z, y = tf.random.stateless_normal([2, TINY.z_dim], [1, 2]), tf.constant([1, 3])
    colors = generator(z, y).numpy()
    generator.gray = True
    gray = generator(z, y).numpy()
    assert_close(gray, np.repeat(colors.mean(-1, keepdims=True), 3, -1), relative=LAYER)
    np.testing.assert_array_equal(gray[..., 0], gray[..., 2])
    np.testing.assert_array_equal(fold(generator)(z, y).numpy()[..., 0], fold(generator)(z, y).numpy()[..., 1])
    assert np.ptp(generator(z, y, training=True).numpy(), axis=-1).max() > 0
