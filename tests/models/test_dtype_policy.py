"""The networks in a program whose global dtype policy is not Keras' default."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake
from sagan_tf.models.spec import GANSpec

SPEC = GANSpec(
    resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=3, z_dim=4,
    attention_g=(8,),
)  # fmt: skip


@pytest.fixture(params=["mixed_float16", "float64"])
def policy(request):
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield
    tf.keras.mixed_precision.set_global_policy("float32")


def outputs():
    """Of a pass of both networks, made here and now, and of the copy of G with folded weights."""
    g, d = Generator(SPEC, seed=1), Discriminator(SPEC, seed=2)
    named_variables(g)["long_range.0.gamma"].assign(0.5)
    z, y = tf.linspace(-1.0, 1.0, 8)[:, None] * [[1.0, -1.0, 0.5, 2.0]], tf.range(8) % 3
    images = g(z, y, training=True)
    return [images, d(images, y, training=True).logits, g(z, y), bake(g)(z, y)]


@pytest.fixture(scope="module")
def expected():
    return outputs()


def test_it_does_not_change_what_the_networks_compute(expected, policy):
    former = tf.keras.mixed_precision.global_policy().name
    for found, wanted in zip(outputs(), expected, strict=True):
        assert found.dtype == tf.float32
        np.testing.assert_array_equal(found, wanted)
    assert tf.keras.mixed_precision.global_policy().name == former
