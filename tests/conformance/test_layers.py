"""Laws that hold for every layer of the package."""

import inspect
import pkgutil
from importlib import import_module

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf.layers
import sagan_tf.models
from sagan_tf.layers.batch_norm import BatchNorm, BatchStatistics
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.inference import FoldedLinear, FoldedNorm
from sagan_tf.layers.linear import Conv2D, Dense, Embedding, FirstChannelsConv2D, KernelLayer
from sagan_tf.layers.projection_head import ProjectionHead
from sagan_tf.layers.resampling import ConvDownsample2D, ResamplingConv2D, UpsampleConv2D
from sagan_tf.layers.self_attention import SelfAttention
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.blocks import DBlock, DBottleneck, GBlock, GBottleneck, MatchedResidual
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.heads import AuxiliaryHead, PlainHead
from sagan_tf.models.inference import BakedStatistics
from tests.closeness import LAYER, assert_each_close

X = tf.random.stateless_normal([2, 4, 4, 8], [1, 2])
H = tf.random.stateless_normal([2, 8], [3, 4])
Y = tf.constant([0, 2])


def conv(channels, size=3, resample=None, use_bias=True):
    kinds = {None: lambda: Conv2D(channels, size, use_bias=use_bias)}
    kinds |= {"up": lambda: UpsampleConv2D(channels), "down": lambda: ConvDownsample2D(channels)}
    return SpectralNorm(kinds[resample]())


def dense(units, use_bias=True):
    return SpectralNorm(Dense(units, use_bias=use_bias))


def table(units=8):
    return Embedding(3, units)


def norm(channels):
    return ConditionalBatchNorm(gain=table(channels), bias=table(channels))


# class: (factory, inputs of a call)
LAYERS = {
    Conv2D: (lambda: Conv2D(8), (X,)),
    FirstChannelsConv2D: (lambda: FirstChannelsConv2D(8, used=3), (X,)),
    Dense: (lambda: Dense(8), (H,)),
    Embedding: (table, (Y,)),
    UpsampleConv2D: (lambda: UpsampleConv2D(8), (X,)),
    ConvDownsample2D: (lambda: ConvDownsample2D(8), (X,)),
    SpectralNorm: (lambda: conv(8), (X,)),
    BatchNorm: (BatchNorm, (X,)),
    BatchStatistics: (lambda: BatchStatistics(decay=0.9), (X,)),
    ConditionalBatchNorm: (lambda: norm(8), (X, Y)),
    SelfAttention: (lambda: SelfAttention(conv=lambda c: conv(c, 1, use_bias=False)), (X,)),
    GBlock: (lambda: GBlock(8, 16, conv=conv, norm=norm), (X, Y)),
    DBlock: (lambda: DBlock(8, 16, hidden=16, pools=True, conv=conv), (X,)),
    GBottleneck: (lambda: GBottleneck(8, 4, hidden=2, upsamples=True, conv=conv, norm=norm), (X, Y)),
    DBottleneck: (lambda: DBottleneck(8, 12, hidden=3, pools=True, conv=conv), (X,)),
    MatchedResidual: (lambda: MatchedResidual(8, conv=conv), (X,)),
    ProjectionHead: (lambda: ProjectionHead(8, dense=dense, embedding=table), (H, Y)),
    AuxiliaryHead: (lambda: AuxiliaryHead(3, dense=dense), (H, Y)),
    PlainHead: (lambda: PlainHead(dense=dense), (H, Y)),
}


def by_class(kind):
    make, inputs = LAYERS[kind]
    layer = make()
    layer(*inputs)
    return layer, inputs


def tensors(outputs):
    return [o for o in tf.nest.flatten(outputs) if o is not None]


def values(layer):
    return {name: v.numpy() for name, v in named_variables(layer).items()}


def test_the_list_is_complete():
    classes = set()
    for package in (sagan_tf.layers, sagan_tf.models):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            found = inspect.getmembers(import_module(module.name), inspect.isclass)
            classes |= {c for _, c in found if issubclass(c, tf.keras.layers.Layer) and c.__module__ == module.name}
    bases, networks = {KernelLayer, ResamplingConv2D}, {Generator, Discriminator}
    inference_alone = {FoldedLinear, FoldedNorm, BakedStatistics}
    assert classes - bases - networks - inference_alone == set(LAYERS)


@pytest.mark.parametrize("kind", LAYERS)
def test_inference_moves_nothing_and_repeats(kind):
    layer, inputs = by_class(kind)
    before = values(layer)
    first, again = tensors(layer(*inputs, training=False)), tensors(layer(*inputs, training=False))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for name, value in values(layer).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


@pytest.mark.parametrize("kind", LAYERS)
def test_training_moves_what_is_not_trained_and_never_the_weights(kind):
    layer, inputs = by_class(kind)
    before = values(layer)
    layer(*inputs, training=True)
    for name, variable in named_variables(layer).items():
        moved = not np.array_equal(before[name], variable.numpy())
        assert moved == (not variable.trainable) or variable.shape.num_elements() == 1, name


@pytest.mark.parametrize("kind", LAYERS)
def test_the_compiled_layer_is_the_eager_one(kind):
    layer, inputs = by_class(kind)
    compiled = tf.function(lambda *a: tensors(layer(*a, training=False)))
    assert_each_close(compiled(*inputs), tensors(layer(*inputs, training=False)), relative=LAYER)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
@pytest.mark.parametrize("kind", [k for k in LAYERS if k is not BatchStatistics and LAYERS[k][1][0] is X])
def test_half_precision_maps_and_gradients_stay_so_and_weights_float32(kind, dtype):
    layer, inputs = by_class(kind)
    x = tf.cast(inputs[0], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, *inputs[1:], training=True)
    gradient = tape.gradient(out, x)
    assert out.dtype == gradient.dtype == dtype and np.isfinite(tf.cast(gradient, tf.float32)).all()
    assert {v.dtype for v in named_variables(layer).values()} == {tf.float32}
