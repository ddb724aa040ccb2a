"""Adversarial losses as functions of D's logits, and the class loss of an auxiliary head. Add a loss here.

`real` and `fake` are the logits D(x) and D(G(z)) of a batch of B images each, (B,) float32. Every loss is a mean over
the batch, a scalar.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


def hinge_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """mean max(0, 1 - D(x)) + mean max(0, 1 + D(G(z))) (Zhang et al. 2019, eq. 4).

    Shapes: (B,), (B,) -> scalar.
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


def hinge_generator(fake: tf.Tensor) -> tf.Tensor:
    """-mean D(G(z)) (Zhang et al. 2019, eq. 4).

    Shapes: (B,) -> scalar.
    """
    return -tf.reduce_mean(fake)


def logistic_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """mean softplus(-D(x)) + mean softplus(D(G(z))): the minimax game of Goodfellow et al. 2014, eq. 1, as logits.

    Shapes: (B,), (B,) -> scalar.
    """
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


def non_saturating_generator(fake: tf.Tensor) -> tf.Tensor:
    """mean softplus(-D(G(z))) (Goodfellow et al. 2014, section 3).

    Shapes: (B,) -> scalar.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake))


def saturating_generator(fake: tf.Tensor) -> tf.Tensor:
    """-mean softplus(D(G(z))): the minimax game's own generator (Goodfellow et al. 2014, eq. 1).

    Shapes: (B,) -> scalar.
    """
    return -tf.reduce_mean(tf.nn.softplus(fake))


def wasserstein_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """mean D(G(z)) - mean D(x) (Arjovsky et al. 2017, eq. 3).

    Shapes: (B,), (B,) -> scalar.
    """
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


def least_squares_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """mean (D(x) - 1)^2 / 2 + mean D(G(z))^2 / 2 (Mao et al. 2017, eq. 9).

    Shapes: (B,), (B,) -> scalar.
    """
    return 0.5 * (tf.reduce_mean(tf.square(real - 1.0)) + tf.reduce_mean(tf.square(fake)))


def least_squares_generator(fake: tf.Tensor) -> tf.Tensor:
    """mean (D(G(z)) - 1)^2 / 2 (Mao et al. 2017, eq. 9).

    Shapes: (B,) -> scalar.
    """
    return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))


def hinge_saturated(real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The shares of real and of fake images beyond the hinge's margin, where D gets no gradient.

    They are the means of 1 - D(x) <= 0 and of 1 + D(G(z)) <= 0. Shapes: (B,), (B,) -> two scalars in [0, 1].
    """
    return tuple(tf.reduce_mean(tf.cast(logits >= 1.0, tf.float32)) for logits in (real, -fake))


def class_loss(class_logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """AC-GAN's class term (Odena et al. 2017, eq. 2): the mean cross entropy of the labels under D's class logits.

    Shapes: class_logits (B,n_classes), labels y (B,) integers -> scalar, in nats.
    """
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=class_logits))


class Loss(NamedTuple):
    """What D and G minimize: discriminator(real, fake) and generator(fake), from logits (B,) to a scalar."""

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]


LOSSES = {
    "hinge": Loss(hinge_discriminator, hinge_generator),
    "non_saturating": Loss(logistic_discriminator, non_saturating_generator),
    "saturating": Loss(logistic_discriminator, saturating_generator),
    "kl": Loss(logistic_discriminator, hinge_generator),  # kl_loss of the released SAGAN code, whose default is hinge
    "wasserstein": Loss(wasserstein_discriminator, hinge_generator),
    "least_squares": Loss(least_squares_discriminator, least_squares_generator),
}
