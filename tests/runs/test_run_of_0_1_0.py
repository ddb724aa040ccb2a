"""A run made by version 0.1.0 (commit f3bb9eb), whose settings and files had other names, loads and trains on.

It was made by gin/quickstart.gin with width 4 in both nets, attention at 8x8, z of 8, batches of 4 and 2 steps, and
every setting bound that was renamed or retired since. Bindings below also undo later changes of that file.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import sagan_tf
from sagan_tf import train
from sagan_tf.monitoring.health_records import read_health_records
from sagan_tf.monitoring.writer import Writer
from sagan_tf.runs.run_directory import RunDirectory

RUN = Path(__file__).with_name("run_of_0_1_0")
BINDINGS = [
    "families.sagan.width=4",
    "families.sagan.discriminator_width=4",
    "families.sagan.attention=(8,)",
    "families.sagan.z_dim=8",
    "ProceduralSource.n_examples=40",
    "train.batch_size=4",
    "MonitorOptions.every=2",
    "StepOptions.fake_labels='uniform'",
    "train.evaluation=None",
    "MovingAverage.start=0",
    "MovingAverage.decay=0.99",
    "Objective.likeness=0.0",
    "TwoTimescaleAdam.d_learning_rate=0.002",
    "TwoTimescaleAdam.decay_from=None",
    "TwoTimescaleAdam.decay_to=None",
    "train.total_steps=3",
]


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(RUN, tmp_path / "run")


def test_its_images_are_those_that_it_drew_then():
    expected = np.load(RUN.with_name("run_of_0_1_0_samples.npz"))
    images = sagan_tf.load(RUN).images(expected["labels"], seeds=range(4))
    assert np.abs(images.astype(int) - expected["images"].astype(int)).max() <= 1  # of 255: rounding alone


def test_its_records_are_read():
    settings = RunDirectory.open(RUN).experiment()
    assert (settings.monitoring.every, settings.step_options.fake_labels) == (2, "uniform")
    assert [record.step for record in read_health_records(RUN)] == [2]


@pytest.mark.usefixtures("run_eagerly")
def test_it_trains_on(run):
    flags = ["--gin_file=gin/quickstart.gin", *(f"--gin_bindings={binding}" for binding in BINDINGS)]
    assert train.main([*flags, f"--run_dir={run}"]) == 0
    assert RunDirectory.open(run).checkpoints().steps()[-1] == 3


def test_its_health_records_go_on_in_their_former_file(run):
    last = read_health_records(run)[0]
    Writer(run, step=2).health(dataclasses.replace(last, step=4))
    assert [record.step for record in read_health_records(run)] == [2, 4]
    assert (run / "looks.jsonl").is_file() and not (run / "health.jsonl").exists()
