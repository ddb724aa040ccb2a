"""Adversarial losses as functions of D's logits, and the class loss of an auxiliary head. Add a loss here.

`real` and `fake` are the logits D(x) and D(G(z)) of a batch of B images each, (B,) float32. Every loss is a mean over
the batch, a scalar.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


def hinge_real(real: tf.Tensor) -> tf.Tensor:
    """mean max(0, 1 - D(x)), the first term of D's loss (Zhang et al. 2019, eq. 4). Shapes: (B,) -> scalar."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real))


def hinge_fake(fake: tf.Tensor) -> tf.Tensor:
    """mean max(0, 1 + D(G(z))), the second term of D's loss (Zhang et al. 2019, eq. 4). Shapes: (B,) -> scalar."""
    return tf.reduce_mean(tf.nn.relu(1.0 + fake))


def hinge_generator(fake: tf.Tensor) -> tf.Tensor:
    """-mean D(G(z)) (Zhang et al. 2019, eq. 4). Shapes: (B,) -> scalar."""
    return -tf.reduce_mean(fake)


def logistic_real(real: tf.Tensor) -> tf.Tensor:
    """mean softplus(-D(x)): the first term of the minimax game of Goodfellow et al. 2014, eq. 1, as logits.

    Shapes: (B,) -> scalar.
    """
    return tf.reduce_mean(tf.nn.softplus(-real))


def logistic_fake(fake: tf.Tensor) -> tf.Tensor:
    """mean softplus(D(G(z))): the game's second term. Shapes: (B,) -> scalar."""
    return tf.reduce_mean(tf.nn.softplus(fake))


def non_saturating_generator(fake: tf.Tensor) -> tf.Tensor:
    """mean softplus(-D(G(z))) (Goodfellow et al. 2014, section 3). Shapes: (B,) -> scalar."""
    return tf.reduce_mean(tf.nn.softplus(-fake))


def saturating_generator(fake: tf.Tensor) -> tf.Tensor:
    """-mean softplus(D(G(z))): the minimax game's own generator (Goodfellow et al. 2014, eq. 1).

    Shapes: (B,) -> scalar.
    """
    return -tf.reduce_mean(tf.nn.softplus(fake))


def wasserstein_real(real: tf.Tensor) -> tf.Tensor:
    """-mean D(x), the first term of D's loss (Arjovsky et al. 2017, eq. 3, negated). Shapes: (B,) -> scalar."""
    return -tf.reduce_mean(real)


def wasserstein_fake(fake: tf.Tensor) -> tf.Tensor:
    """mean D(G(z)), the second term of D's loss (Arjovsky et al. 2017, eq. 3, negated). Shapes: (B,) -> scalar."""
    return tf.reduce_mean(fake)


def least_squares_real(real: tf.Tensor) -> tf.Tensor:
    """mean (D(x) - 1)^2 / 2, the first term of D's loss (Mao et al. 2017, eq. 9). Shapes: (B,) -> scalar."""
    return 0.5 * tf.reduce_mean(tf.square(real - 1.0))


def least_squares_fake(fake: tf.Tensor) -> tf.Tensor:
    """mean D(G(z))^2 / 2, the second term of D's loss (Mao et al. 2017, eq. 9). Shapes: (B,) -> scalar."""
    return 0.5 * tf.reduce_mean(tf.square(fake))


def least_squares_generator(fake: tf.Tensor) -> tf.Tensor:
    """mean (D(G(z)) - 1)^2 / 2 (Mao et al. 2017, eq. 9). Shapes: (B,) -> scalar."""
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
    """What D and G minimize, from logits (B,) to scalars.

    D's loss is real(D(x)) + fake(D(G(z))), and G's is generator(D(G(z))).
    """

    real: Callable[[tf.Tensor], tf.Tensor]
    fake: Callable[[tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]

    def discriminator(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """D's loss. Shapes: (B,), (B,) -> scalar."""
        return self.real(real) + self.fake(fake)


LOSSES = {
    "hinge": Loss(hinge_real, hinge_fake, hinge_generator),
    "non_saturating": Loss(logistic_real, logistic_fake, non_saturating_generator),
    "saturating": Loss(logistic_real, logistic_fake, saturating_generator),
    # kl_loss of the released SAGAN code, whose default is hinge
    "kl": Loss(logistic_real, logistic_fake, hinge_generator),
    "wasserstein": Loss(wasserstein_real, wasserstein_fake, hinge_generator),
    "least_squares": Loss(least_squares_real, least_squares_fake, least_squares_generator),
}
