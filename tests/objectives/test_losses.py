"""The losses against the same numbers computed by hand."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.losses import LOSSES, class_loss
from tests.closeness import ROUNDING, assert_close

REAL, FAKE = np.array([2.0, 0.5, -1.0]), np.array([-2.0, 0.25, 1.0])


def softplus(x):
    return np.log1p(np.exp(x))


LOGISTIC = (softplus(-REAL).mean(), softplus(FAKE).mean())
EXPECTED = {  # D's terms of real and of fake images, and G's loss
    "hinge": ((0 + 0.5 + 2) / 3, (0 + 1.25 + 2) / 3, -(-2 + 0.25 + 1) / 3),
    "non_saturating": (*LOGISTIC, softplus(-FAKE).mean()),
    "saturating": (*LOGISTIC, -softplus(FAKE).mean()),
    "kl": (*LOGISTIC, -FAKE.mean()),
    "wasserstein": (-REAL.mean(), FAKE.mean(), -FAKE.mean()),
    "least_squares": (((REAL - 1) ** 2).mean() / 2, (FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    real, fake = tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)
    of_real, of_fake, of_g = EXPECTED[name]
    assert_close(LOSSES[name].real(real), of_real, relative=ROUNDING)
    assert_close(LOSSES[name].fake(fake), of_fake, relative=ROUNDING)
    assert_close(LOSSES[name].discriminator(real, fake), of_real + of_fake, relative=ROUNDING)
    assert_close(LOSSES[name].generator(fake), of_g, relative=ROUNDING)


def test_class_loss_of_uniform_logits_is_the_log_of_the_classes():
    assert_close(class_loss(tf.zeros([3, 7]), tf.constant([0, 3, 6])), np.log(7), relative=ROUNDING)
