"""The latent z, the labels of generated images, and their random numbers, which are pure functions of keys.

A draw is a function of its shape, [..., Z] for latents, and its key, two int64 (see `key`), and of nothing else.
"""

import enum
import math
import numbers
from collections.abc import Callable

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice

Shape = list[int]


@enum.unique
class Purpose(enum.IntEnum):
    """What a random number is for: the part of its key that keeps the draws of one seed and step independent.

    All purposes for which keys are made are listed here. The numbers must not change, since the latents of every seed
    depend on them.
    """

    TRAINING_Z = 0
    TRAINING_LABELS = 1
    IMAGE_Z = 2  # sampling's, from each image's own seed
    DROPOUT = 3
    STATISTICS_Z = 4  # of standing statistics
    STATISTICS_LABELS = 5
    AUGMENTATION = 6


Prior = Callable[[Shape, tf.Tensor], tf.Tensor]


def uniform(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """U(0, 1) without its ends, float32.

    Computed from Philox's raw bits, because TensorFlow's float generators give other numbers under XLA.
    """
    return unit_interval(tf.random.stateless_uniform(shape, key, None, None, tf.int32, alg="philox"))


def unit_interval(bits: tf.Tensor) -> tf.Tensor:
    """Maps random bits, int32 of any shape, to the midpoints of 2^23 equal intervals of (0, 1), float32.

    With 24 bits the last midpoint would round to 1, and one normal draw in 17 million would be infinite.
    """
    return (tf.cast(tf.bitwise.right_shift(tf.bitcast(bits, tf.uint32), 9), tf.float32) + 0.5) * 2.0**-23


def normal(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """N(0, 1), float32, by the inverse of its cumulative distribution function."""
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * uniform(shape, key) - 1.0)


def truncated_normal(shape: Shape, key: tf.Tensor, threshold: tf.Tensor | float) -> tf.Tensor:
    """N(0, 1) conditioned on |z_i| <= `threshold` for every entry, by the inverse cumulative distribution function."""
    inside = tf.math.erf(tf.cast(threshold, tf.float32) / math.sqrt(2.0))
    return math.sqrt(2.0) * tf.math.erfinv((2.0 * uniform(shape, key) - 1.0) * inside)


def symmetric_uniform(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """U[-1, 1]."""
    return 2.0 * uniform(shape, key) - 1.0


def bernoulli(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """0 or 1 with equal probability."""
    return tf.cast(uniform(shape, key) < 0.5, tf.float32)


def censored_normal(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """max(N(0, 1), 0)."""
    return tf.nn.relu(normal(shape, key))


def signs(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """-1 or 1 with equal probability."""
    return 2.0 * bernoulli(shape, key) - 1.0


def categorical(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """-1, 0 or 1 with equal probability."""
    return tf.floor(3.0 * uniform(shape, key)) - 1.0


def normal_times_bernoulli(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """N(0, 1) times an independent 0 or 1."""
    return normal(shape, key) * bernoulli(shape, _second(key))


def normal_beside_bernoulli(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """N(0, 1) in the first half of the entries, 0 or 1 with equal probability in the others."""
    first = tf.range(shape[-1]) < shape[-1] // 2
    return tf.where(first, normal(shape, key), bernoulli(shape, key))


def normal_of_varying_width(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """N(0, s^2) with one s ~ U[0.5, 1.5] per sample. The bounds are ours: the paper's could not be recovered."""
    return normal(shape, key) * (0.5 + uniform([*shape[:-1], 1], _second(key)))


def _second(key: tf.Tensor) -> tf.Tensor:
    """A key whose draws are independent of those from `key`."""
    return tf.bitwise.bitwise_xor(key, tf.constant([1 << 62, 0], tf.int64))


# The ten priors of Brock et al. 2018, appendix E, in its order, with its findings (the numbers are partly unconfirmed).
LATENTS: dict[str, Prior] = {
    "normal": normal,  # the main results; also SAGAN and SNGAN
    "uniform": symmetric_uniform,  # similar to normal
    "bernoulli": bernoulli,  # IS +8%, 60% fewer iterations
    "censored_normal": censored_normal,  # IS +15 to 20%, fewer iterations
    "signs": signs,  # same as normal
    "categorical": categorical,  # same as normal
    "normal_times_bernoulli": normal_times_bernoulli,  # same as normal
    "normal_beside_bernoulli": normal_beside_bernoulli,  # about +5%
    "annealed_normal": normal,  # slightly better; `scale` widens it in training
    "normal_of_varying_width": normal_of_varying_width,  # no effect
}


def scale(name: str, progress: tf.Tensor | float) -> tf.Tensor | float:
    """The factor of z in training: falls from 2 to 1 for "annealed_normal" as progress rises from 0 to 1, else 1."""
    return 2.0 - tf.clip_by_value(tf.cast(progress, tf.float32), 0.0, 1.0) if name == "annealed_normal" else 1.0


def prior(name: str) -> Prior:
    """The prior of that name: a function of a shape and a key.

    Raises:
      ValueError: for an unknown name.
    """
    check_choice("", "latent", name, LATENTS)
    return LATENTS[name]


NORMAL = ("normal", "annealed_normal")  # the priors that can be truncated: N(0, 1) at the end of training

TRUNCATIONS: dict[str, Callable[[Shape, tf.Tensor, tf.Tensor | float], tf.Tensor]] = {
    # BigGAN's paper: entries beyond the threshold are drawn again until they are inside, which is this distribution.
    "resampled": truncated_normal,
    # DeepMind's published modules: threshold * N(0, 1) truncated at 2.
    "scaled_truncated": lambda shape, key, threshold: threshold * truncated_normal(shape, key, 2.0),
    # BigGAN-PyTorch, which calls the threshold a variance: N(0, threshold^2), not truncated.
    "scaled": lambda shape, key, threshold: threshold * normal(shape, key),
}


_SMALLEST = 2.0**-126  # normal float32; processors take smaller ones for 0, with which all z would be equal


def truncated(name: str, shape: Shape, key: tf.Tensor, threshold: float) -> tf.Tensor:
    """Draws z of the normal prior with the truncation of that name: "resampled", "scaled_truncated" or "scaled".

    threshold: positive, such as one of option_names.THRESHOLDS.

    Raises:
      ValueError: for an unknown name or a threshold that is not positive and finite (in float32).
    """
    check_choice("", "truncation", name, TRUNCATIONS)
    number = isinstance(threshold, numbers.Real) and not isinstance(threshold, bool)
    if not number or not _SMALLEST <= threshold <= float(tf.float32.max):
        raise ValueError(
            f"threshold must be positive and finite; received threshold={threshold!r}. BigGAN's are 0.04 to 2."
        )
    return TRUNCATIONS[name](shape, key, threshold)


LARGEST_SEED = 2**55 - 1  # whose keys are int64


def key(seed: int, purpose: int, step: tf.Tensor | int) -> tf.Tensor:
    """The key of one draw, (2,) int64: [256 * seed + purpose, step]. purpose: a `Purpose`, in 0..255."""
    return tf.stack([tf.constant(256 * seed + purpose, tf.int64), tf.cast(step, tf.int64)])


def labels(shape: Shape, key: tf.Tensor, n_classes: int) -> tf.Tensor:
    """Uniform labels in [0, n_classes), int32.

    All released codes draw the labels of generated images uniformly; SAGAN's eq. 4 has p_data.
    """
    return tf.minimum(tf.cast(uniform(shape, key) * n_classes, tf.int32), n_classes - 1)
