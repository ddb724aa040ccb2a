"""Every gin file parses, says what it reproduces, and trains a step with small networks of its kind."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.families import biggan, sagan
from sagan_tf.models.parameters import generator_parameters
from sagan_tf.objectives.augmentation import AdaptiveAugmentation
from sagan_tf.runs.description import step_costs
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.state import GAN
from sagan_tf.training.step import gan_step
from tests.gin_files import ROOT, RUNS, first_with, settings_of

CLASSES, BATCH = 3, 2


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


@pytest.mark.parametrize(
    ("name", "norms", "sigma", "adam"),
    [("biggan_128", 1e-5, 1e-6, 1e-6), ("biggan_deep_128", 1e-5, 1e-6, 1e-6), ("biggan_cifar10", 1e-5, 1e-8, 1e-8)],
)
def test_the_files_of_biggan_pytorchs_scripts_have_their_epsilons_and_steps(name, norms, sigma, adam):
    """BigGAN-PyTorch's scripts/launch_*.sh, and the defaults of its parser for what they leave out."""
    settings = settings_of(f"gin/released/{name}.gin")
    spec, optimizer = settings.spec, settings.optimizer
    assert (spec.norm_epsilon, spec.final_norm_epsilon) == (norms, norms)
    assert (spec.spectral_norm_epsilon, optimizer.epsilon, spec.norm_decay) == (sigma, adam, 0.9)
    assert settings.step_options.store_u_in_generator_step and not settings.step_options.generator_first
    assert not spec.cross_replica_norm and settings.objective.orthogonal == 0
    assert settings.transform.method == ("biggan" if name == "biggan_cifar10" else "sagan")


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


def reduced(spec):
    """The networks at width 8, of three classes."""
    # orthogonal kernels take long on a busy machine and are tested with the networks
    return dataclasses.replace(spec, width=8, discriminator_width=8, n_classes=CLASSES, initializer="glorot_uniform")


def shortened(spec):
    """The reduced networks at 8 px: all kinds of blocks and layers that they have, each once or twice.

    That layers of any number and size fit each other is tested where the networks are built at full size.
    """
    sizes = {"generator_ladder": (2, 1), "discriminator_ladder": (1, 2), "pools": 1}
    if spec.block == "bottleneck":
        sizes = {"generator_ladder": (2, 2, 1), "discriminator_ladder": (2, 2)}
        sizes |= {"upsamples": (False, True), "pools": (True, False)}
    attention = {"attention_g": (8,) if spec.attention_g else (), "attention_d": (4,) if spec.attention_d else ()}
    return dataclasses.replace(reduced(spec), resolution=8, z_dim=24, **sizes, **attention)


@pytest.mark.parametrize("file", first_with(lambda s: (shortened(s.spec), s.objective, s.step_options)))
def test_each_file_trains_a_step_of_short_networks(file):
    assert_trains(file, shortened)


# The ladder of 128 px with each conditioning; the others train as slow tests.
QUICK = ("gin/biggan_128.gin", "gin/sagan_128.gin")
LADDERS = first_with(lambda s: (reduced(s.spec), s.objective, s.step_options, s.optimizer, s.latent))


@pytest.mark.parametrize(
    "file",
    [
        *QUICK,
        *(pytest.param(file, marks=pytest.mark.slow(reason="many layers")) for file in LADDERS if file not in QUICK),
    ],
)
def test_each_file_trains_a_step_at_reduced_width(file):
    assert_trains(file, reduced)


def assert_trains(file, smaller):
    """Asserts that a step moves both networks and leaves every number finite."""
    settings = settings_of(file)
    before, after, logs = stepped(
        smaller(settings.spec), settings.objective, settings.step_options, settings.optimizer, settings.latent
    )
    assert all(np.isfinite(value) for value in logs.values())
    names = [n for n in after if n.startswith(("generator.dense", "discriminator.head")) and n.endswith("kernel")]
    assert len(names) >= 2 and all(np.abs(after[n] - before[n]).max() > 0 for n in names)
    assert all(np.isfinite(value).all() for value in after.values())


@pytest.mark.parametrize("file", first_with(lambda s: (s.latent, s.spec.z_dim, s.optimizer)))
def test_each_files_latents_and_updates_are_finite_and_differ(file):
    settings = settings_of(file)
    z, _ = sampler(settings.latent, settings.spec.z_dim)(tf.constant(0, tf.int64), 0)
    assert z.shape == (BATCH, settings.spec.z_dim) and np.isfinite(z).all() and np.abs(z[0] - z[1]).max() > 0
    for optimizer in (settings.optimizer.generator, settings.optimizer.discriminator):
        variable = tf.Variable([1.0, -2.0])
        adam = optimizer({"w": variable})
        adam.apply({"w": tf.constant([1.0, -1e-6])}, tf.constant(1), adam.rate_factor(tf.constant(0)))
        moved = variable.numpy() - [1.0, -2.0]
        assert np.isfinite(moved).all() and moved[0] < 0 < moved[1]


def sampler(latent, z_dim):
    return LatentSampler(latent=latent, z_dim=z_dim, n_classes=CLASSES, batch_size=BATCH, draws_per_step=2, seed=0)


def stepped(spec, objective, step_options, optimizer, latent):
    """All weights before and after one step, and its logs."""
    gan = GAN(spec, optimizer=optimizer, average=None, numerics=None, seed=0)
    draw = sampler(latent, spec.z_dim)
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH, spec.resolution, spec.resolution, 3)).astype(np.float32)
    before = values(gan)
    logs = gan_step(
        gan, objective, draw, [(tf.constant(x), tf.constant([0, 2]))], tf.constant(0, tf.int64), step_options
    )
    return before, values(gan), {name: float(value) for name, value in logs.items()}


def values(gan):
    return {name: v.numpy() for name, v in gan.variables().items() if name.startswith(("generator", "discriminator"))}
