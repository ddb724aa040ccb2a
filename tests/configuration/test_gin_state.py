"""A program's own gin configuration outlives what this package parses."""

import pytest

import gin
import sagan_tf
from sagan_tf import experiment
from sagan_tf.configuration import gin_config, gin_state
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


def test_names_and_scopes_of_the_program_do_not_meet_those_of_the_package(monkeypatch):
    monkeypatch.setattr(gin_state, "_ours", {})  # as in a program that has not loaded anything yet
    monkeypatch.setattr(gin_config, "_registered", {})
    for name, value in gin_state._fresh().items():  # nor does the program outlive this test
        monkeypatch.setattr(gin.config, name, value)

    def train(rate=0.0):
        return rate

    configured = gin.external_configurable(train, name="train", module="program")
    gin.constant("program.SIZE", 3)
    gin.parse_config("train.rate = 0.25")
    with gin.config_scope("evaluation"):
        assert experiment.load(["gin/quickstart.gin"], ["train.batch_size=8"]).value.batch_size == 8
        assert gin.current_scope_str() == "evaluation"
    with pytest.raises(gin_config.ConfigError, match=r"program\.SIZE"):
        experiment.load(["gin/quickstart.gin"], ["train.batch_size=%program.SIZE"])
    assert configured() == 0.25 and gin.query_parameter("program.SIZE") == 3
