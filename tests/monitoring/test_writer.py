"""Scalars stand once a step, also after a crash and a resume."""

import json

import numpy as np
import tensorflow as tf

from sagan_tf.monitoring.writer import Writer


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


def test_tensorboard_gets_scalars_and_pictures(tmp_path):
    writer = Writer(tmp_path)
    writer.scalars(3, {"d_loss": 1.5})
    writer.picture(3, "samples", np.zeros((4, 4, 3), np.uint8))
    (file,) = (tmp_path / "tensorboard").iterdir()
    values = [
        (event.step, value.tag)
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]
    assert values == [(3, "d_loss"), (3, "samples")]
