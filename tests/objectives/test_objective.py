"""The objective: its terms, and what they do inside a training step."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.generator import filters
from sagan_tf.models.heads import DiscriminatorOutput
from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.likeness import excess_likeness
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.penalties import orthogonal
from sagan_tf.objectives.sigma_control import SigmaControl
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.optimizers import TwoTimescaleAdam
from sagan_tf.training.state import GAN
from sagan_tf.training.step import StepOptions, gan_step
from tests.closeness import LAYER, ROUNDING, assert_close, assert_same_state

SPEC = GANSpec(
    resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=3, z_dim=4
)

X = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
Y = np.array([0, 1, 2, 1], np.int32)
DRAW = LatentSampler(latent="normal", z_dim=4, n_classes=3, batch_size=4, draws_per_step=2, seed=3)
STEP = tf.constant(0, tf.int64)


def make(spec=SPEC):
    return GAN(spec, optimizer=TwoTimescaleAdam(), average=None, numerics=Numerics(), seed=0)


def run(objective=None, step_options=None, gan=None, draw=DRAW):
    gan = gan or make()
    logs = gan_step(
        gan, objective or Objective(), draw, [(tf.constant(X), tf.constant(Y))], STEP, step_options or StepOptions()
    )
    return gan, {name: float(value) for name, value in logs.items()}


def test_r1_adds_gamma_halves_of_the_mean_squared_gradient_and_its_own_gradient():
    gan = make()
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = gan.discriminator(x, Y).logits
    expected = 0.5 * (tape.gradient(logits, x).numpy() ** 2).sum((1, 2, 3)).mean()
    plain, with_r1 = run(), run(Objective(r1=2.0))
    np.testing.assert_allclose(with_r1[1]["d_loss"] - plain[1]["d_loss"], 2.0 * expected, rtol=1e-3)
    kernels = [g.d_variables["blocks.0.conv_1.layer.kernel"].numpy() for g, _ in (plain, with_r1)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-5


def test_likeness_is_in_the_generators_loss_and_moves_the_generator_alone():
    gan = make()
    z, y = DRAW(STEP, 1)
    expected = excess_likeness(gan.generator(z, y, training=True), y, X, Y)
    plain, with_it = (
        run(Objective(), StepOptions(generator_first=True)),
        run(Objective(likeness=2.0), StepOptions(generator_first=True)),
    )
    np.testing.assert_allclose(with_it[1]["g_loss"] - plain[1]["g_loss"], 2.0 * expected, rtol=1e-3, atol=1e-5)
    kernels = [g.g_variables["dense.layer.kernel"].numpy() for g, _ in (plain, with_it)]
    assert expected > 0 and np.abs(kernels[0] - kernels[1]).max() > 1e-6


def test_orthogonal_regularization_is_in_the_generators_loss():
    penalty = orthogonal([tf.convert_to_tensor(v) for v in filters(make().generator).values()])
    plain, with_it = run()[1], run(Objective(orthogonal=0.1))[1]
    np.testing.assert_allclose(with_it["g_loss"] - plain["g_loss"], 0.1 * penalty, rtol=1e-3)


@pytest.mark.parametrize("conditioning", ["tables", "shared"])
def test_filters_are_all_kernels_but_the_tables_of_classes(conditioning):
    spec = GANSpec(
        resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=3, z_dim=4,
        conditioning=conditioning, attention_g=(8,), hierarchical=conditioning == "shared",
    )  # fmt: skip
    names = set(filters(make(spec).generator))
    owners = {name.removesuffix(".kernel").removesuffix(".layer") for name in names}
    block = {f"blocks.0.{part}" for part in ("conv_1", "conv_2", "shortcut")}
    maps = {f"blocks.0.norm_{i}.{part}" for i in (1, 2) for part in ("gain", "bias")}
    attention = {f"long_range.0.{part}" for part in ("query", "key", "value", "out")}
    expected = {"dense", "to_rgb", *block, *attention} | (maps if conditioning == "shared" else set())
    assert owners == expected


def test_clamping_follows_the_update_of_every_kernel_of_the_generator(smooth):
    control = SigmaControl(value=0.5)
    free, held = (filters(run(Objective(sigma=sigma))[0].generator) for sigma in (None, control))
    for name, kernel in free.items():
        expected = control.clamped(tf.convert_to_tensor(kernel)).numpy()
        assert_close(held[name], expected, relative=LAYER, name=name)
        assert np.abs(expected - kernel.numpy()).max() > 1e-3


def test_dropout_changes_both_losses():
    plain, dropped = run()[1], run(Objective(dropout=0.5))[1]
    assert abs(plain["d_loss"] - dropped["d_loss"]) > 1e-4 and abs(plain["g_loss"] - dropped["g_loss"]) > 1e-4


def test_two_replicas_with_every_penalty_are_one_with_the_whole_batch(mirrored, smooth):
    """Adam's epsilon is far above the gradients, so that it is linear and rounding is not amplified."""
    objective = Objective(orthogonal=1e-2, r1=1.0, dropout=0.3, sigma=SigmaControl(value=0.5))
    spec = dataclasses.replace(SPEC, cross_replica_norm=True)
    found = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            optimizer = TwoTimescaleAdam(g_learning_rate=10.0, d_learning_rate=10.0, epsilon=1e3)
            gan = GAN(spec, optimizer=optimizer, average=None, numerics=Numerics(), seed=0)
        replicas = strategy.num_replicas_in_sync

        def replica_step(gan=gan, replicas=replicas):
            first = tf.distribute.get_replica_context().replica_id_in_sync_group * (4 // replicas)
            x, y = (tf.slice(a, [first] + [0] * (a.ndim - 1), [4 // replicas, *a.shape[1:]]) for a in (X, Y))
            gan_step(gan, objective, DRAW, [(x, y)], STEP)

        strategy.run(tf.function(replica_step, autograph=False) if replicas > 1 else replica_step)
        found.append({name: v.numpy() for name, v in gan.variables().items()})
    assert_same_state(found[1], found[0])


@pytest.mark.parametrize("classify_fakes", [True, False])
def test_the_class_term_is_added_with_its_weight(classify_fakes):
    real = DiscriminatorOutput(tf.constant([2.0]), tf.constant([[0.0, np.log(3.0)]], tf.float32))
    fake = DiscriminatorOutput(tf.constant([-2.0]), tf.constant([[np.log(3.0), 0.0]], tf.float32))
    objective = Objective(class_weight=0.5, classify_fakes=classify_fakes)
    y_real, y_fake = tf.constant([1]), tf.constant([1])
    on_real, on_fake = 0.5 * np.log(4 / 3), 0.5 * np.log(4)
    expected = on_real + (on_fake if classify_fakes else 0.0)
    assert_close(objective.discriminator(real, fake, y_real, y_fake), expected, relative=ROUNDING, floor=1.0)
    assert_close(objective.generator(fake, y_fake), 2.0 + on_fake, relative=ROUNDING)


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match="loss must be one of hinge"):
        Objective(loss="hing")
    with pytest.raises(ValueError, match="class_weight"):
        Objective(class_weight=-1.0)
