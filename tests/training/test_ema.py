"""The exponential moving average of G."""

import tensorflow as tf

from sagan_tf.training.ema import MovingAverage


def test_the_average_copies_before_its_start_and_then_decays():
    average = MovingAverage(decay=0.75, start=1)
    weights, shadow = {"w": tf.Variable(8.0)}, {"w": tf.Variable(0.0)}
    average.update(shadow, weights, tf.constant(0, tf.int64))
    assert shadow["w"].numpy() == 8.0
    weights["w"].assign(4.0)
    average.update(shadow, weights, tf.constant(1, tf.int64))
    assert shadow["w"].numpy() == 0.75 * 8 + 0.25 * 4
