"""The options of augmentation, the probability of each transformation, and the steps of the adaptive one."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.augmentation import AdaptiveAugmentation, DiffAugment
from sagan_tf.objectives.transformations import TRANSFORMATIONS
from tests.closeness import ROUNDING, assert_close

ALL = DiffAugment(transformations=("flip", "quarter_turn", "translation", "color", "cutout"))


def images(n, size=8):
    x = np.random.default_rng(0).uniform(-1, 1, (n, size, size, 3)).astype(np.float32)
    x[0, 0, 0] = -0.0
    return x


def uniform(options, n, seed=1):
    return tf.constant(np.random.default_rng(seed).uniform(1e-6, 1, (n, options.numbers)), tf.float32)


def test_strength_0_is_the_identity_bit_for_bit_in_value_and_gradient():
    x = tf.constant(images(16))
    for strength in (0.0, tf.constant(0.0)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            made = ALL.apply(x, uniform(ALL, 16), strength)
        assert made.numpy().tobytes() == x.numpy().tobytes()
        np.testing.assert_array_equal(tape.gradient(made, x), np.ones_like(x))


def test_transformations_are_applied_in_the_order_of_their_names_each_with_its_own_numbers():
    x = tf.constant(images(6))
    noise = uniform(ALL, 6)
    expected, at = x, 0
    for name in ("flip", "quarter_turn", "translation", "brightness", "saturation", "contrast", "cutout"):
        n = TRANSFORMATIONS[name].numbers
        expected = TRANSFORMATIONS[name].apply(expected, noise[:, at + 1 : at + 1 + n])
        at += 1 + n
    assert at == ALL.numbers == 16
    np.testing.assert_array_equal(ALL.apply(x, noise, 1.0), expected)
    other = DiffAugment(transformations=("cutout", "brightness")).apply(x, noise[:, :5], 1.0)
    assert (DiffAugment(transformations=("brightness", "cutout")).apply(x, noise[:, :5], 1.0) != other).numpy().any()


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_each_image_is_transformed_with_probability_strength(strength):
    options = DiffAugment(transformations=("brightness",))
    x = tf.zeros([20_000, 1, 1, 3])
    added = options.apply(x, uniform(options, 20_000), strength).numpy()[:, 0, 0, 0]
    changed = added != 0
    assert abs(changed.mean() - strength) < 0.015
    assert abs(added.mean()) < 0.01 and abs(added[changed].std() - 12**-0.5) < 0.01  # U(-0.5, 0.5)


def test_the_adaptive_strength_moves_by_images_over_ramp_images_within_its_limits():
    ada = AdaptiveAugmentation(ramp_images=1000, max_strength=0.9)

    def adjusted(p, r, images=100):
        return float(ada.adjusted(tf.constant(p), tf.constant(r), images))

    assert adjusted(0.5, 0.61) == pytest.approx(0.6)
    assert adjusted(0.5, 0.59) == pytest.approx(0.4)
    assert adjusted(0.5, 0.6) == 0.5
    assert adjusted(0.05, -1.0) == 0.0
    assert adjusted(0.85, 1.0) == pytest.approx(0.9)
    # The paper's speed: from 0 to 1 in 500,000 images, whatever the batch and the interval.
    p = tf.constant(0.0)
    for _ in range(125):
        p = AdaptiveAugmentation().adjusted(p, tf.constant(1.0), 4 * 1000)
    assert_close(p, 1.0, relative=ROUNDING)


def test_defaults_are_the_papers():
    assert DiffAugment().steps == ("brightness", "saturation", "contrast", "translation", "cutout")
    assert DiffAugment().strength == 1.0
    ada = AdaptiveAugmentation()
    assert (ada.strength, ada.target, ada.ramp_images, ada.interval) == (0.0, 0.6, 500_000, 4)
    assert {"flip", "quarter_turn", *DiffAugment().steps} == set(ada.steps)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (DiffAugment, {"transformations": ("colour",)}, "transformations must be one of color, .*Did you mean 'color'"),
        (DiffAugment, {"transformations": ("hue",)}, "received transformations='hue'"),
        (DiffAugment, {"transformations": ()}, "at least one name.*train.augmentation=None"),
        (DiffAugment, {"transformations": "color"}, "must be a tuple.*received transformations='color'"),
        (DiffAugment, {"transformations": ("color", "contrast")}, "each transformation once"),
        (DiffAugment, {"strength": 1.5}, r"DiffAugment.strength must be a probability.* received strength=1.5"),
        (DiffAugment, {"strength": -0.1}, "received strength=-0.1"),
        (DiffAugment, {"strength": float("nan")}, "received strength=nan"),
        (DiffAugment, {"paired": "no"}, "paired must be True or False; received paired='no'"),
        (DiffAugment, {"r1_of": "seen"}, "r1_of must be one of original, augmented"),
        (AdaptiveAugmentation, {"strength": 2}, "AdaptiveAugmentation.strength must be a probability"),
        (AdaptiveAugmentation, {"strength": 0.9, "max_strength": 0.8}, "must not exceed max_strength"),
        (AdaptiveAugmentation, {"target": 1.0}, "target must be between -1 and 1; received target=1.0"),
        (AdaptiveAugmentation, {"ramp_images": 0}, "ramp_images must be an integer of at least 1"),
        (AdaptiveAugmentation, {"interval": 2.5}, "interval must be an integer of at least 1; received interval=2.5"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)
