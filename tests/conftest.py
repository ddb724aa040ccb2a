"""Two logical CPU devices for the tests of replicas, and one place that says so."""

import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_collection_modifyitems(config, items):
    """Slow, GPU and network tests run when asked for by `-m`, and say why they are skipped."""
    asked = config.getoption("-m")
    reasons = {"slow": "takes minutes; run with -m slow", "network": "needs the network; run with -m network"}
    if not tf.config.list_physical_devices("GPU"):
        reasons["gpu"] = "no GPU here"
    for item in items:
        for marker, reason in reasons.items():
            if marker in item.keywords and marker not in asked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def mirrored():
    """A MirroredStrategy of two replicas on the CPU.

    One for the session: TensorFlow numbers collectives from one in every strategy and remembers the shape of each
    number for the process's life.
    """
    from sagan_tf.training.strategy import create_strategy

    return create_strategy("mirrored")


@pytest.fixture(scope="module")
def unallocated():
    """Networks built inside a tf.Graph hold no memory, since their initial values are operations."""
    from sagan_tf.layers import initializers

    patch = pytest.MonkeyPatch()
    patch.setattr(initializers, "seeded", lambda name, seed: itertools.repeat("zeros"))
    patch.setattr(initializers, "scaled", lambda initializer, gain: initializer)
    yield
    patch.undo()
