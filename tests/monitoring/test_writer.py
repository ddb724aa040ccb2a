"""Scalars stand once a step, also after a crash and a resume."""

import importlib.util
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.foundation import files
from sagan_tf.monitoring.distances import Distances
from sagan_tf.monitoring.health_records import HealthRecord, read_health_records
from sagan_tf.monitoring.writer import Writer, can_write_events


def steps(folder):
    return [json.loads(line)["step"] for line in (folder / "train.jsonl").read_text().splitlines()]


def test_steps_of_a_lost_past_are_cut_off(tmp_path):
    writer = Writer(tmp_path)
    for step in (10, 20, 30):
        writer.scalars(step, {"d_loss": step / 10})
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write('{"step": 4')
    writer = Writer(tmp_path, step=20)
    assert steps(tmp_path) == [10, 20]
    writer.scalars(30, {"d_loss": 7.0})
    assert steps(tmp_path) == [10, 20, 30]
    assert json.loads((tmp_path / "train.jsonl").read_text().splitlines()[-1]) == {"step": 30, "d_loss": 7.0}


def test_what_is_not_finite_is_null_since_json_has_no_nan(tmp_path):
    Writer(tmp_path).scalars(5, {"d_loss": float("nan"), "g_loss": float("inf"), "skipped": 2.0})
    line = (tmp_path / "train.jsonl").read_text()
    assert line == '{"step": 5, "d_loss": null, "g_loss": null, "skipped": 2.0}\n'


def test_tensorboard_gets_scalars_and_pictures(tmp_path):
    writer = Writer(tmp_path)
    writer.scalars(3, {"d_loss": 1.5, "gamma/generator.attention_16": 0.1, "images_per_second": 9.0})
    spectra = {"generator.blocks.0.conv_1": [3.0, 2.0, 1.0], "discriminator.head.dense": [1.0, 0.5, 0.1]}
    distances = Distances(overall=0.3, within_class=0.2, nearest=0.1, duplicates=0.0)
    relative = {"shape": 0.5}
    record = HealthRecord(step=3, d_loss=1.5, g_loss=0.5, distances=distances, relative=relative, spectra=spectra)
    writer.health(replace(record, gradient_norms={"generator.dense": 2.0, "generator.to_rgb": 6.0}))
    writer.image(3, "samples", np.zeros((4, 4, 3), np.uint8))
    (file,) = (tmp_path / "tensorboard").iterdir()
    tags = [value.tag for event in tf.compat.v1.train.summary_iterator(str(file)) for value in event.summary.value]
    assert tags[:3] == ["loss/D", "gamma/G/attention_16", "speed/images_per_second"] and tags[-1] == "samples"
    i = tags.index("spectra/G/blocks.0.conv_1")
    assert tags[i : i + 2] == ["spectra/G/blocks.0.conv_1", "spectra/D/head.dense"]  # one chart per kernel
    layers = ["layer_gradient_norm/G/dense", "layer_gradient_norm/G/to_rgb"]
    assert tags[i + 2 : -1] == [*layers, "gradient_norm/G_variance", "gradient_norm/D_variance"]
    assert "distance/shape_of_real" in tags and all("/" in tag for tag in tags[:-1])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_a_note_that_names_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(files, "_noted", set())
    writer = Writer(tmp_path)
    (tmp_path / "train.jsonl").symlink_to("/dev/full")
    writer.scalars(1, {"d_loss": 1.0})
    assert re.match(r"W.*\] train\.jsonl .*\(No space left on device: .*train\.jsonl\)", capsys.readouterr().err)


def test_without_tensorboard_the_numbers_are_written_all_the_same(tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "tensorboard" else find(name))
    can_write_events.cache_clear()
    try:
        writer = Writer(tmp_path)
        writer.scalars(1, {"d_loss": 1.0})
        writer.image(1, "samples", np.zeros([2, 2, 3], np.uint8))
    finally:
        can_write_events.cache_clear()
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]
    assert capsys.readouterr().err.count("the package tensorboard is not installed") == 1


def test_health_records_of_lost_steps_are_removed_as_well(tmp_path):
    record = HealthRecord(
        step=10,
        d_loss=1.0,
        g_loss=1.0,
        distances=Distances(overall=0.5, within_class=0.5, nearest=0.5, duplicates=0.0),
        spectra={"generator.dense": [2.0]},
    )
    writer = Writer(tmp_path)
    for step in (10, 20):
        writer.health(replace(record, step=step))
    Writer(tmp_path, step=10)
    assert read_health_records(tmp_path) == [record]
