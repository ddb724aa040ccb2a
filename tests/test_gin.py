"""Every gin file parses, says what it reproduces, and trains one step at a reduced size."""

import dataclasses
import functools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.families import biggan, sagan
from sagan_tf.models.generator import Generator
from sagan_tf.models.parameters import discriminator_parameters, generator_parameters
from sagan_tf.objectives.augmentation import AdaptiveAugmentation
from sagan_tf.runs.description import step_costs
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.state import GAN
from sagan_tf.training.step import gan_step

ROOT = Path(__file__).parents[1]
PARTS = ("data", "evaluation", "hardware")  # included by runs, not runs themselves
RUNS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "gin").rglob("*.gin")
    if path.relative_to(ROOT / "gin").parts[0] not in PARTS
)
CLASSES, BATCH = 3, 2


@functools.cache
def settings_of(file):
    return experiment.load([file], []).value


def test_the_tree_has_every_row():
    folders = {folder: len(list((ROOT / "gin/ablations" / folder).glob("*.gin"))) for folder in (
        "sagan_figure3", "sagan_table1", "biggan_table1", "biggan_table3", "biggan_latents")}  # fmt: skip
    assert list(folders.values()) == [3, 9, 9, 4, 10]
    assert len(RUNS) > 50


@pytest.mark.parametrize("file", RUNS)
def test_each_file_parses_and_says_what_it_is_and_how_it_is_run(file):
    assert generator_parameters(settings_of(file).spec.with_classes(CLASSES)) > 0
    head = (ROOT / file).read_text().split("include")[0].splitlines()
    assert all(line.startswith("#") for line in head)
    assert f"#   python -m sagan_tf.train --gin_file={file} --run_dir=RUN" in head


def test_rows_are_what_the_papers_say():
    row_1, row_8 = (settings_of(f"gin/ablations/biggan_table1/row_{row}.gin") for row in (1, 8))
    assert row_1.spec == biggan(width=64, shared=False, hierarchical=False) and row_1.batch_size == 256
    assert row_8.spec == biggan() and (row_8.objective.orthogonal, row_1.objective.orthogonal) == (1e-4, 0)
    assert settings_of("gin/ablations/sagan_table1/residual_feat_16.gin").spec == sagan(
        attention=(16,), long_range="residual"
    )
    released = settings_of("gin/released/sagan_128.gin")
    assert (released.optimizer.beta_2, released.spec.attention_g, released.step_options.generator_first) == (
        0.999, (32,), True)  # fmt: skip
    paper = settings_of("gin/sagan_128.gin")
    assert (paper.optimizer.beta_2, paper.spec.attention_g, paper.step_options.generator_first) == (0.9, (64,), False)


@pytest.mark.parametrize("side", [64, 128, 256])
def test_files_for_own_images_say_what_a_step_takes_and_mirror_the_images(side):
    file = f"gin/own_{side}.gin"
    settings = settings_of(file)
    assert settings.spec.resolution == side and settings.transform.flip and settings.average is not None
    assert settings.evaluate_every and settings.best_by == "fid" and settings.checkpoint_every
    assert settings.augmentation == AdaptiveAugmentation()
    costs = step_costs(settings, settings.spec.with_classes(CLASSES))
    head = (ROOT / file).read_text().split("include")[0]
    assert f"{costs['memory']['total'] / 1e9:.1f} GB at batch {settings.batch_size}" in head
    assert f"A step is {costs['step_flops'] / 1e9:,.0f}" in head.replace("\n# GFLOP", " GFLOP")
    assert f"--gin_file={file} --data=FOLDER" in head and "not measured" in head


def first_with(key):
    """The first file of each value of key(settings): rows that differ in batch or data alone need no second run."""
    firsts = {}
    for file in RUNS:
        firsts.setdefault(key(settings_of(file)), file)
    return list(firsts.values())


def quick(files):
    """Files whose networks have the most layers are slow tests: deep ones, of which one at 128 pixels stays."""
    slow = pytest.mark.slow(reason="many layers")
    return [pytest.param(f, marks=slow) if re.search(r"deep_(256|512)|released/biggan_deep", f) else f for f in files]


@pytest.mark.parametrize(
    "file",
    quick(first_with(lambda s: (s.spec, s.objective, s.step_options, s.optimizer, s.latent, s.discriminator_steps))),
)
def test_each_file_trains_a_step_at_reduced_width(file):
    settings = settings_of(file)
    before, after, logs = stepped(
        # orthogonal kernels take long on a busy machine and are tested with the networks
        dataclasses.replace(
            settings.spec, width=8, discriminator_width=8, n_classes=CLASSES, initializer="glorot_uniform"
        ),
        settings.objective,
        settings.step_options,
        settings.optimizer,
        settings.latent,
    )
    assert all(np.isfinite(value) for value in logs.values())
    names = [n for n in after if n.startswith(("generator.dense", "discriminator.head")) and n.endswith("kernel")]
    assert len(names) >= 2 and all(np.abs(after[n] - before[n]).max() > 0 for n in names)
    assert all(np.isfinite(value).all() for value in after.values())


def stepped(spec, objective, step_options, optimizer, latent):
    """All weights before and after one step, and its logs."""
    gan = GAN(spec, optimizer=optimizer, average=None, numerics=None, seed=0)
    draw = LatentSampler(latent=latent, z_dim=spec.z_dim, n_classes=CLASSES, batch_size=BATCH, draws_per_step=2, seed=0)
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH, spec.resolution, spec.resolution, 3)).astype(np.float32)
    before = values(gan)
    logs = gan_step(
        gan, objective, draw, [(tf.constant(x), tf.constant([0, 2]))], tf.constant(0, tf.int64), step_options
    )
    return before, values(gan), {name: float(value) for name, value in logs.items()}


def values(gan):
    return {name: v.numpy() for name, v in gan.variables().items() if name.startswith(("generator", "discriminator"))}


@pytest.mark.parametrize("file", quick(first_with(lambda s: s.spec)))
def test_each_file_builds_at_full_size_every_weight_made_once(file, unallocated):
    spec = settings_of(file).spec.with_classes(1000)
    assert made(Generator, spec) == (generator_parameters(spec), 1.0)
    assert made(Discriminator, spec) == (discriminator_parameters(spec), 1.0)


def made(network, spec):
    """Trainable parameters of the built network, and how many variables were made for each that it has."""
    with tf.Graph().as_default() as graph:
        variables = named_variables(network(spec))
    handles = sum(op.type == "VarHandleOp" for op in graph.get_operations())
    return sum(math.prod(v.shape) for v in variables.values() if v.trainable), handles / len(variables)
