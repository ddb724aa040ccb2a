"""The latent z, the labels of fakes, and the randomness behind both, a function of keys and of nothing else."""

import math
from collections.abc import Callable

import tensorflow as tf

Shape = list[int] | tf.Tensor


def uniform(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """U(0, 1) exclusive, float32, from a key of two int64.

    Made from Philox's raw bits, because TensorFlow's float generators give other numbers under XLA.
    """
    bits = tf.random.stateless_uniform(shape, key, None, None, tf.int32, alg="philox")
    return (tf.cast(tf.bitwise.right_shift(tf.bitcast(bits, tf.uint32), 8), tf.float32) + 0.5) * 2.0**-24


def normal(shape: Shape, key: tf.Tensor) -> tf.Tensor:
    """N(0, 1), float32, by the inverse of its distribution function."""
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * uniform(shape, key) - 1.0)


LATENTS: dict[str, Callable[[Shape, tf.Tensor], tf.Tensor]] = {
    "normal": normal,  # SAGAN, SNGAN, BigGAN
    "uniform": lambda shape, key: 2.0 * uniform(shape, key) - 1.0,  # BigGAN, appendix E
}


def key(seed: int, purpose: int, step: tf.Tensor | int) -> tf.Tensor:
    """The key of one draw: int64 [256 * seed + purpose, step]. Purposes keep the draws of one step apart (0..255)."""
    return tf.stack([tf.constant(256 * seed + purpose, tf.int64), tf.cast(step, tf.int64)])


def labels(shape: Shape, key: tf.Tensor, n_classes: int) -> tf.Tensor:
    """Uniform labels in [0, n_classes), int32. All released codes draw fakes' labels so; SAGAN's eq. 4 says p_data."""
    return tf.minimum(tf.cast(uniform(shape, key) * n_classes, tf.int32), n_classes - 1)


def prior(name: str) -> Callable[[Shape, tf.Tensor], tf.Tensor]:
    """The draw of a prior by name.

    Raises:
      ValueError: for an unknown name.
    """
    if name not in LATENTS:
        raise ValueError(f"latent must be one of {', '.join(LATENTS)}; received latent={name!r}.")
    return LATENTS[name]
