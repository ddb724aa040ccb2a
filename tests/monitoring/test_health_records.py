"""Health records are read back as they were written; names are in order of depth."""

import json
import math
from dataclasses import replace

import pytest
import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.families import biggan_deep
from sagan_tf.models.generator import Generator
from sagan_tf.monitoring.distances import Distances
from sagan_tf.monitoring.health_records import HealthRecord, by_depth, gradient_norm_variance, read_health_records
from sagan_tf.monitoring.writer import Writer

RECORD = HealthRecord(
    step=300,
    d_loss=1.25,
    g_loss=-0.5,
    distances=Distances(overall=0.5, within_class=0.25, nearest=0.125, duplicates=0.0),
    spectra={"generator.dense": [3.0, 2.0, 1.0], "discriminator.head.dense": [0.5]},
    gradient_norms={"generator.dense": 1.0, "generator.to_rgb": 4.0, "discriminator.head.dense": 0.5},
    signs=("D's loss is zero (0)",),
)


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    Writer(tmp_path).health(RECORD)
    assert read_health_records(tmp_path) == [RECORD]
    line = json.loads((tmp_path / "health.jsonl").read_text())
    assert line["spectra"]["generator.dense"] == [3.0, 2.0, 1.0] and line["collapsed"] is False


def test_a_run_without_health_records_has_none(tmp_path):
    assert read_health_records(tmp_path) == []


def test_what_is_not_finite_is_null_and_read_back_as_nan(tmp_path):
    odd = replace(RECORD, d_loss=math.nan, g_loss=-math.inf, relative={"shape": math.nan, "nearest": 0.5})
    Writer(tmp_path).health(odd)
    line = json.loads((tmp_path / "health.jsonl").read_text(), parse_constant=pytest.fail)
    assert line["d_loss"] is line["g_loss"] is line["relative"]["shape"] is None
    (found,) = read_health_records(tmp_path)
    assert math.isnan(found.d_loss) and math.isnan(found.relative["shape"]) and found.relative["nearest"] == 0.5
    assert found.signs == RECORD.signs and found.spectra == RECORD.spectra


def test_numbers_are_written_to_six_digits():
    assert HealthRecord(**vars(RECORD) | {"d_loss": 1 / 3}).record()["d_loss"] == 0.333333


def test_the_variance_of_gradient_norms_is_over_the_layers_of_one_network():
    assert gradient_norm_variance(RECORD.gradient_norms, "generator") == 1.5**2
    assert gradient_norm_variance(RECORD.gradient_norms, "discriminator") == 0
    assert math.isnan(gradient_norm_variance({}, "generator"))
    for damaged in (math.nan, None):
        norms = {"generator.dense": damaged, "generator.to_rgb": 1.0}
        assert math.isnan(gradient_norm_variance(norms, "generator"))


def test_depth_is_the_way_of_the_data():
    g = ["blocks.1.conv_1", "long_range.0.key", "to_rgb", "blocks.0.shortcut", "dense", "shared", "blocks.10.conv_1"]
    assert by_depth(g) == [
        "shared", "dense", "blocks.0.shortcut", "long_range.0.key", "blocks.1.conv_1", "blocks.10.conv_1", "to_rgb",
    ]  # fmt: skip
    assert by_depth(["head.dense", "blocks.0.conv_1", "stem"]) == ["stem", "blocks.0.conv_1", "head.dense"]


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_every_part_of_the_networks_has_its_place(network, unallocated):
    with tf.Graph().as_default():
        names = [*named_variables(network(biggan_deep(32, width=4).with_classes(2)))]
    assert sorted(by_depth(names)) == sorted(names)
