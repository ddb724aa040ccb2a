"""A program's own gin configuration outlives what this package parses."""

import gin
import sagan_tf
from sagan_tf import experiment
from sagan_tf.configuration.gin_state import own_gin_state


def test_loading_leaves_the_callers_configuration_alone(drawable_run):
    readers, prefixes = list(gin.config._FILE_READERS), list(gin.config._LOCATION_PREFIXES)

    def train(rate=0.0):  # a name that this package configures too
        return rate

    configured = gin.external_configurable(train, name="train")
    try:
        gin.parse_config("train.rate = 0.25")
        assert experiment.load(["gin/quickstart.gin"], ["train.batch_size=8"]).value.batch_size == 8
        assert sagan_tf.load(drawable_run).images([0]).shape == (1, 32, 32, 3)
        assert configured() == 0.25 and "train.rate = 0.25" in gin.config_str()
        assert (readers, prefixes) == (gin.config._FILE_READERS, gin.config._LOCATION_PREFIXES)
        assert experiment.load(["gin/quickstart.gin"], []).value.batch_size == 32  # and theirs doesn't reach ours
    finally:
        gin.clear_config()


def test_an_error_gives_the_callers_state_back():
    before = gin.config._CONFIG
    try:
        with own_gin_state():
            assert gin.config._CONFIG is not before
            raise RuntimeError
    except RuntimeError:
        pass
    assert gin.config._CONFIG is before
