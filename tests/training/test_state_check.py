"""Only a state that is finite and the same on all replicas may be saved."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.training.state_check import InvalidStateError, StateCheck, first_non_finite


def variables():
    return {
        "step": tf.Variable(3, dtype=tf.int64, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA),
        "net.kernel": tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3)),
        "net.scale": tf.Variable(tf.constant([1.0, 2.0], tf.bfloat16)),
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named(value):
    state = variables()
    StateCheck(state, tf.distribute.get_strategy()).check(3)
    assert first_non_finite(state) is None
    state["net.kernel"][1, 2].assign(value)
    assert first_non_finite(state) == "net.kernel"
    with pytest.raises(InvalidStateError, match=r"step 3 .* net\.kernel holds a number that is not finite"):
        StateCheck(state, tf.distribute.get_strategy()).check(3)


def test_one_changed_bit_on_one_replica_is_found_and_its_variable_named(mirrored):
    with mirrored.scope():
        state = variables()
    state_check = StateCheck(state, mirrored)
    state_check.check(3)
    second = mirrored.experimental_local_results(state["net.kernel"])[1]
    second[1, 2].assign(np.nextafter(np.float32(5), np.float32(6)))
    with pytest.raises(InvalidStateError, match=r"net\.kernel differs between the replicas, and it was not saved"):
        state_check.check(3)
    second[1, 2].assign(5.0)
    state_check.check(3)
