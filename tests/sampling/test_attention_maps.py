import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models import families
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.sampling.attention_maps import attention_layers, attention_maps, gammas
from tests.closeness import LAYER, NETWORK, assert_close


@pytest.fixture(scope="module")
def spec():
    return families.sagan(resolution=32, attention=(8, 16), width=8, z_dim=8).with_classes(3)


@pytest.fixture(scope="module")
def generator(spec):
    made = Generator(spec, seed=1)
    for gain, layer in enumerate(attention_layers(made).values(), start=1):
        layer.gamma.assign(0.5 * gain)
    return made


def inputs():
    return tf.random.stateless_normal([2, 8], [3, 4]), tf.constant([0, 2])


def test_layers_are_named_by_the_side_of_their_map(generator, spec):
    assert gammas(generator) == {"attention_8": 0.5, "attention_16": 1.0}
    assert list(attention_layers(Discriminator(spec))) == ["attention_16", "attention_8"]
    deep = Discriminator(families.biggan_deep(32, depth=1, width=4).with_classes(2), seed=None)
    assert list(attention_layers(deep)) == ["attention_16", "attention_8", "attention_8_2"]


def test_the_output_is_the_networks_and_each_location_gives_out_one(generator):
    images, maps = attention_maps(generator, *inputs())
    np.testing.assert_array_equal(images, generator(*inputs(), training=False))
    assert {name: m.shape for name, m in maps.items()} == {
        "attention_8": (2, 8, 8, 4, 4),
        "attention_16": (2, 16, 16, 8, 8),
    }
    for values in maps.values():
        assert_close(np.sum(values, (3, 4)), np.ones(values.shape[:3]), relative=LAYER)


def test_a_map_is_the_softmax_of_queries_and_pooled_keys(generator):
    layer = attention_layers(generator)["attention_8"]
    seen = []
    layer.observer = seen.append
    generator(*inputs(), training=False)
    layer.observer = None
    query, key = (part(seen[0], training=False).numpy() for part in (layer.query, layer.key))
    pooled = key.reshape(2, 4, 2, 4, 2, -1).max((2, 4))
    scores = np.einsum("bijc,bklc->bijkl", query, pooled)
    weights = np.exp(scores - scores.max((3, 4), keepdims=True))
    weights /= weights.sum((3, 4), keepdims=True)
    assert_close(attention_maps(generator, *inputs())[1]["attention_8"], weights, relative=LAYER)


def test_maps_are_the_same_in_a_compiled_function(generator):
    compiled = tf.function(lambda z, y: attention_maps(generator, z, y)[1])
    for name, values in attention_maps(generator, *inputs())[1].items():
        assert_close(compiled(*inputs())[name], values, relative=NETWORK)


def test_nobody_watches_after_an_error(generator):
    with pytest.raises(Exception, match=r".*"):
        attention_maps(generator, tf.zeros([2, 5]), tf.constant([0, 1]))
    assert all(layer.observer is None for layer in attention_layers(generator).values())


def test_a_network_without_attention_has_no_maps():
    plain = Generator(families.sagan(resolution=32, attention=(), width=4, z_dim=8).with_classes(2))
    assert attention_maps(plain, tf.zeros([1, 8]), tf.constant([0]))[1] == {}
