"""LeCam's term and its moving averages by hand, and its options out of range."""

import pytest
import tensorflow as tf

from sagan_tf.objectives.lecam import LeCam


def test_the_term_penalizes_real_logits_above_the_fakes_average_and_fake_ones_below_the_real_average():
    real, fake = tf.Variable([1.0, -2.0, 0.5]), tf.Variable([-1.0, 2.0])
    with tf.GradientTape() as tape:
        value = LeCam().penalty(real, fake, tf.constant(1.5), tf.constant(-0.5))
    # (1 + 0.5)^2, 0 (below), (0.5 + 0.5)^2 over 3; (1.5 + 1)^2, 0 (above) over 2.
    assert float(value) == pytest.approx((2.25 + 1.0) / 3 + 6.25 / 2)
    of_real, of_fake = tape.gradient(value, (real, fake))
    assert of_real.numpy() == pytest.approx([2 * 1.5 / 3, 0, 2 * 1.0 / 3])
    assert of_fake.numpy() == pytest.approx([-2 * 2.5 / 2, 0])


def test_defaults_are_the_papers():
    assert (LeCam().weight, LeCam().decay, LeCam().start) == (0.3, 0.99, 1000)


def test_averages_are_the_last_update_up_to_the_start_and_decay_after_it():
    options = LeCam(decay=0.9, start=2)
    averages = [float(options.averaged(tf.constant(5.0), tf.constant(1.0), tf.constant(t))) for t in (1, 2, 3)]
    assert averages == pytest.approx([1.0, 1.0, 0.9 * 5 + 0.1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": -0.1}, "LeCam.weight must not be negative; received weight=-0.1"),
        ({"decay": 1.0}, r"LeCam.decay must be in \[0, 1\); received decay=1.0"),
        ({"start": -1}, "LeCam.start must be an integer of at least 0; received start=-1"),
        ({"start": 0.5}, "received start=0.5"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LeCam(**options)
