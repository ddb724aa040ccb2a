"""The losses against the same numbers computed by hand."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.losses import LOSSES, class_loss
from tests.closeness import ROUNDING, assert_close

REAL, FAKE = np.array([2.0, 0.5, -1.0]), np.array([-2.0, 0.25, 1.0])


def softplus(x):
    return np.log1p(np.exp(x))


EXPECTED = {
    "hinge": ((0 + 0.5 + 2) / 3 + (0 + 1.25 + 2) / 3, -(-2 + 0.25 + 1) / 3),
    "non_saturating": (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
    "saturating": (softplus(-REAL).mean() + softplus(FAKE).mean(), -softplus(FAKE).mean()),
    "kl": (softplus(-REAL).mean() + softplus(FAKE).mean(), -FAKE.mean()),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    "least_squares": ((((REAL - 1) ** 2).mean() + (FAKE**2).mean()) / 2, ((FAKE - 1) ** 2).mean() / 2),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    real, fake = tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)
    assert_close(LOSSES[name].discriminator(real, fake), EXPECTED[name][0], relative=ROUNDING)
    assert_close(LOSSES[name].generator(fake), EXPECTED[name][1], relative=ROUNDING)


def test_class_loss_of_uniform_logits_is_the_log_of_the_classes():
    assert_close(class_loss(tf.zeros([3, 7]), tf.constant([0, 3, 6])), np.log(7), relative=ROUNDING)
