"""What is served of other networks: 16 bits, other priors, several attentions, none."""

import pytest
import tensorflow as tf

from sagan_tf.interop.saved_model import Served
from sagan_tf.models.families import sagan
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake
from sagan_tf.models.parts import Numerics
from tests.closeness import assert_close, half_precision

LABEL, ONE = tf.constant([1, 2]), tf.constant([1.0, 1.0])
Z = tf.random.stateless_normal([2, 8], [1, 2])


def served(attention=(), numerics=None, **options):
    spec = sagan(32, width=4, attention=attention, z_dim=8).with_classes(5)
    generator = Generator(spec, numerics=numerics, seed=1)
    return generator, Served(generator=bake(generator), n_classes=3, batch_size=2, **options).signatures()


def test_16_bits_are_float32_at_the_door_and_several_attentions_are_outputs_by_name():
    generator, signatures = served((8, 16), Numerics(precision="bfloat16"))
    images = signatures["serving_default"](z=Z, label=LABEL, truncation=ONE)["images"]
    assert images.dtype == tf.float32
    assert_close(images, generator(Z, LABEL, training=False), relative=half_precision(tf.bfloat16, layers=5))
    maps = signatures["attention"](z=Z, label=LABEL)
    assert {n: (m.dtype, *m.shape) for n, m in maps.items()} == {
        "attention_8": (tf.float32, 2, 8, 8, 4, 4),
        "attention_16": (tf.float32, 2, 16, 16, 8, 8),
    }


def test_a_prior_that_is_not_cut_takes_truncation_1_alone_and_surplus_rows_of_tables_are_not_served():
    _, signatures = served(latent="bernoulli", mode=None)
    assert sorted(signatures) == ["generate", "png", "serving_default"], "no attention, no signature"
    generate, seed = signatures["generate"], tf.constant([1, 2], tf.int64)
    assert generate(seed=seed, label=LABEL, truncation=ONE)["images"].shape == (2, 32, 32, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="truncation must be 1, because the prior bernoulli is"):
        generate(seed=seed, label=LABEL, truncation=tf.constant([1.0, 0.5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"label must be in \[0, 3\)"):
        generate(seed=seed, label=tf.constant([2, 3]), truncation=ONE)
