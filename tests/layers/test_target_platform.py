"""The platform whose algorithms the layers choose: the process's, or the one that was named."""

import pytest
import tensorflow as tf

from sagan_tf.layers.target_platform import target_platform, targeting


@pytest.fixture
def devices(monkeypatch):
    return lambda *kinds: monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind] * (kind in kinds))


def test_it_is_that_of_the_processs_devices(devices):
    for kinds, expected in ((("CPU",), "cpu"), (("CPU", "GPU"), "gpu"), (("CPU", "TPU"), "tpu")):
        devices(*kinds)
        assert target_platform() == expected


def test_a_named_one_counts_until_its_block_ends_however_it_ends(devices):
    devices("CPU", "GPU")
    with targeting("tpu"):
        with pytest.raises(RuntimeError), targeting("cpu"):
            assert target_platform() == "cpu"
            raise RuntimeError
        assert target_platform() == "tpu"
    assert target_platform() == "gpu"


def test_an_unknown_one_is_refused():
    received = r"targeting\.platform must be one of cpu, gpu, tpu; received platform='npu'"
    with pytest.raises(ValueError, match=received), targeting("npu"):
        pass
