"""The step: known updates, replicas against the whole batch, the path of u, its options."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.generator import Generator
from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.augmentation import DiffAugment
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.compiled import compile_steps
from sagan_tf.training.ema import MovingAverage
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.optimizers import Adam, TwoTimescaleAdam
from sagan_tf.training.state import GAN, initial_seeds
from sagan_tf.training.step import StepOptions, gan_step
from tests.closeness import LAYER, NETWORK, assert_close

# What a step does doesn't depend on how many blocks there are, and the time of its tracing goes by them.
SPEC = GANSpec(
    resolution=8, generator_ladder=(1, 1), discriminator_ladder=(1, 1), pools=1, width=8, n_classes=3, z_dim=8,
    cross_replica_norm=True,
)  # fmt: skip
BATCH = 4


def make(spec=SPEC, average=None, strategy=None, learning_rate=1e-3, epsilon=1e-8):
    optimizer = TwoTimescaleAdam(g_learning_rate=learning_rate, d_learning_rate=learning_rate, epsilon=epsilon)
    with (strategy or tf.distribute.get_strategy()).scope():
        return GAN(spec, optimizer=optimizer, average=average, numerics=Numerics(), seed=1)


def draw(draws_per_step=2):
    return LatentSampler(latent="normal", z_dim=8, n_classes=3, batch_size=BATCH, draws_per_step=draws_per_step, seed=5)


def batches():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (6, BATCH, 8, 8, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (6, BATCH)).astype(np.int32)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return tf.data.Dataset.from_tensor_slices((images, labels)).repeat().with_options(options)


def trained(steps_of_calls, strategy=None, gan=None, start=0, discriminator_steps=1, **options):
    strategy = strategy or tf.distribute.get_strategy()
    gan = gan or make(strategy=strategy, **options)
    run = compile_steps(gan, Objective(), draw(discriminator_steps + 1), strategy, discriminator_steps)
    data = iter(strategy.experimental_distribute_dataset(batches().skip(start)))
    for n in steps_of_calls:
        logs = run(data, tf.constant(n))
    return gan, logs


def values(gan):
    return {name: v.numpy() for name, v in gan.variables().items()}


def test_calls_of_any_length_give_the_same_weights_bit_for_bit():
    gan = make()
    start, ends = values(gan), []
    run = compile_steps(gan, Objective(), draw(), tf.distribute.get_strategy(), 1)
    for calls in ([4], [1, 2, 1]):
        for name, variable in gan.variables().items():
            variable.assign(start[name])
        data = iter(batches())
        for n in calls:
            run(data, tf.constant(n))
        ends.append(values(gan))
    assert ends[0]["step"] == 4 and run.experimental_get_tracing_count() == 1
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)


def test_two_replicas_equal_one_with_the_whole_batch(mirrored, smooth, tiny):
    """With epsilon far above the gradients Adam is linear, so that rounding is not amplified (beta_1 = 0)."""
    one = make(epsilon=1e3, learning_rate=10.0)
    steps = zip(batches().take(3), range(3), strict=True)
    logs = [gan_step(one, Objective(), draw(), [batch], tf.constant(number, tf.int64)) for batch, number in steps]
    one.step.assign(3)
    two, two_logs = trained([3], strategy=mirrored, epsilon=1e3, learning_rate=10.0)
    tiny.assert_logs_equal(two_logs, {name: np.mean([float(of_step[name]) for of_step in logs]) for name in logs[0]})
    tiny.assert_equal(one, two)
    start, end = values(make()), values(one)
    assert (
        max(np.abs(end[name] - start[name]).max() for name in end if name.startswith("d") and "kernel" in name) > 1e-4
    )


def test_replicas_hold_equal_variables(mirrored):
    gan, _ = trained([2], strategy=mirrored, spec=dataclasses.replace(SPEC, cross_replica_norm=False))
    for name, variable in gan.variables().items():
        first, second = mirrored.experimental_local_results(variable)
        np.testing.assert_array_equal(first, second, err_msg=name)


def one_step(gan):
    x, y = next(iter(batches()))
    return gan_step(gan, Objective(), draw(), [(x, y)], tf.constant(0, tf.int64))


def test_one_step_moves_u_once_in_d_and_twice_in_g_and_everything_trainable():
    gan = make()
    before = values(gan)
    one_step(gan)
    after = values(gan)
    still = [n for n in gan.g_trainable if np.array_equal(before["generator." + n], after["generator." + n])]
    # A class that no fake had keeps its rows, but every table changes.
    assert not still, still
    still = [n for n in gan.d_trainable if np.array_equal(before["discriminator." + n], after["discriminator." + n])]
    assert not still, still
    kernel, u = before["discriminator.blocks.1.conv_2.layer.kernel"], before["discriminator.blocks.1.conv_2.u"]
    assert_close(after["discriminator.blocks.1.conv_2.u"], iterated(kernel, u, 1), relative=LAYER)
    kernel, u = before["generator.blocks.0.conv_2.layer.kernel"], before["generator.blocks.0.conv_2.u"]
    assert_close(after["generator.blocks.0.conv_2.u"], iterated(kernel, u, 2), relative=LAYER)


def iterated(kernel, u, times):
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    for _ in range(times):
        v = matrix @ u / np.linalg.norm(matrix @ u)
        u = matrix.T @ v / np.linalg.norm(matrix.T @ v)
    return u


def test_adam_without_first_moment_steps_by_the_sign_at_first():
    """beta_1 = 0, beta_2 = 0.9: the first update is lr sqrt(1 - 0.9) g / (sqrt(0.1) |g|) = lr sign(g)."""
    gan = make(learning_rate=0.01)
    before = values(gan)
    one_step(gan)
    moved = values(gan)["discriminator.head.dense.layer.kernel"] - before["discriminator.head.dense.layer.kernel"]
    np.testing.assert_allclose(np.abs(moved), 0.01, rtol=1e-3)


def test_several_discriminator_steps_take_fresh_data_and_fresh_fakes():
    gan, logs = trained([1], discriminator_steps=2)
    assert int(gan.step) == 1 and np.isfinite(logs["d_loss"])
    d = draw(3)
    draws = [d(tf.constant(0, tf.int64), i)[0].numpy() for i in range(3)] + [d(tf.constant(1, tf.int64), 0)[0].numpy()]
    for i in range(4):
        for j in range(i):
            assert np.abs(draws[i] - draws[j]).max() > 0.1


def test_no_two_networks_of_any_seeds_start_alike():
    seeds = [seed for run in range(50) for seed in initial_seeds(run)]
    assert seeds == list(range(100))  # other numbers would give other initial weights to every run


def test_every_update_of_a_step_has_its_own_draws_labels_and_number(tiny, monkeypatch):
    """The second step of a run with two updates of D: what is drawn, G's labels, and the numbers that Adam counts."""
    drawn = {"fakes": [], "dropout": [], "augmentation": []}

    class Noted(LatentSampler):
        def __call__(self, step, number):
            drawn["fakes"].append(number)
            return super().__call__(step, number)

        def dropout_mask(self, step, number, width, rate):
            drawn["dropout"].append((number, width))
            return super().dropout_mask(step, number, width, rate)

        def augmentation(self, step, number, width):
            drawn["augmentation"].append((number, width))
            return super().augmentation(step, number, width)

    labels, counted, call, apply = [], [], Generator.call, Adam.apply

    def noted_call(self, z, y, training=False):
        labels.append(y.numpy().tolist())
        return call(self, z, y, training=training)

    def noted_apply(self, gradients, t, decay=1.0):
        counted.append(int(t))
        apply(self, gradients, t, decay)

    gan = tiny.make(augmentation=DiffAugment(transformations=("brightness",)))
    monkeypatch.setattr(Generator, "call", noted_call)
    monkeypatch.setattr(Adam, "apply", noted_apply)
    x, y = tiny.images()
    gan_step(
        gan,
        Objective(dropout=0.3),
        Noted(**vars(tiny.draw(draws_per_step=3))),
        [(tf.constant(x[i]), tf.constant(y[i])) for i in range(2)],
        tf.constant(1, tf.int64),
        StepOptions(fake_labels="data"),
    )
    width = gan.spec.discriminator_channels[-1]
    assert drawn == {
        "fakes": [0, 1, 2],
        "dropout": [(0, 2 * width), (1, 2 * width), (2, width)],
        "augmentation": [(0, 4), (1, 4), (2, 2)],  # two numbers for an image, of which D sees two
    }
    assert labels == [y[0].tolist(), y[1].tolist(), y[1].tolist()]
    assert counted == [3, 4, 2]


def test_the_average_copies_the_updates_before_its_start_and_averages_those_after(tiny):
    gan = make(average=MovingAverage(decay=0.75, start=1))
    for number, share in ((0, 0.0), (1, 0.75)):
        before = gan.shadow["to_rgb.layer.kernel"].numpy()
        x, y = (tf.constant(a[number]) for a in tiny.images())
        gan_step(gan, Objective(), draw(), [(x, y)], tf.constant(number, tf.int64))
        weights = gan.g_variables["to_rgb.layer.kernel"].numpy()
        assert np.abs(weights - before).max() > 1e-4
        expected = share * before + (1 - share) * weights
        assert_close(gan.shadow["to_rgb.layer.kernel"], expected, relative=LAYER)


def test_learning_rates_decay_linearly_to_zero():
    options = TwoTimescaleAdam(g_learning_rate=0.01, d_learning_rate=0.02, decay_from=2, decay_to=10)
    rates = [float(options.decay(tf.constant(step, tf.int64))) for step in (0, 2, 4, 6, 10, 12)]
    np.testing.assert_allclose(rates, [1.0, 1.0, 0.75, 0.5, 0.0, 0.0])
    gan = GAN(SPEC, optimizer=options, average=None, numerics=Numerics(), seed=1)
    before = values(gan)
    x, y = next(iter(batches()))
    logs = gan_step(gan, Objective(), draw(), [(x, y)], tf.constant(6, tf.int64))
    np.testing.assert_allclose((logs["g_learning_rate"], logs["d_learning_rate"]), (0.005, 0.01))
    moved = values(gan)["discriminator.head.dense.layer.kernel"] - before["discriminator.head.dense.layer.kernel"]
    # m = g and v = 0.1 g^2 from zero, at t = 7: lr sqrt(1 - 0.9^7) / sqrt(0.1)
    np.testing.assert_allclose(np.abs(moved), 0.01 * np.sqrt((1 - 0.9**7) / 0.1), rtol=1e-3)


def test_generator_first_sees_the_discriminator_before_its_update(tiny):
    gan = tiny.make()
    z, y = tiny.draw()(tf.constant(0, tf.int64), 1)
    expected = -float(tf.reduce_mean(gan.discriminator(gan.generator(z, y, training=True), y).logits))
    first = tiny.step(tiny.make(), step_options=StepOptions(generator_first=True))
    after = tiny.step(tiny.make())
    assert_close(first["g_loss"], expected, relative=NETWORK, floor=0.1)
    assert abs(after["g_loss"] - expected) > 1e-5


def test_fake_labels_of_the_data_are_the_real_batchs(tiny):
    class RealLabels(LatentSampler):
        def __call__(self, step, number):
            return super().__call__(step, number)[0], tf.constant(tiny.images()[1][0])

    real_labels = tiny.step(tiny.make(), draws=RealLabels(**vars(tiny.draw())))
    assert tiny.step(tiny.make(), step_options=StepOptions(fake_labels="data")) == real_labels != tiny.step(tiny.make())
    with pytest.raises(ValueError, match="fake_labels must be"):
        StepOptions(fake_labels="real")


def test_u_of_the_discriminator_moves_in_the_generators_step_if_asked(tiny):
    once, twice = tiny.make(), tiny.make()
    for gan, store_u in ((once, False), (twice, True)):
        tiny.step(gan, step_options=StepOptions(store_u_in_generator_step=store_u))
    u = [gan.d_variables["blocks.0.conv_2.u"].numpy() for gan in (once, twice)]
    assert np.abs(u[0] - u[1]).max() > 1e-4


@pytest.mark.parametrize("store_u", [False, True])
def test_frozen_blocks_of_the_discriminator_stay_and_the_others_move(tiny, store_u):
    spec = dataclasses.replace(tiny.spec, attention_d=(4,))
    frozen, free = tiny.make(spec, frozen_blocks=1), tiny.make(spec)
    before, options = tiny.values(frozen), {"step_options": StepOptions(store_u_in_generator_step=store_u)}
    tiny.step(frozen, **options)
    logs, expected = (tiny.step(gan, **options) for gan in (tiny.make(spec, frozen_blocks=1), free))
    assert_close(logs["d_loss"], expected["d_loss"], relative=NETWORK, floor=0.1)
    after, moved = tiny.values(frozen), tiny.values(free)
    for name in frozen.d_variables:
        name = f"discriminator.{name}"
        stays = name.startswith(("discriminator.blocks.0.", "discriminator.long_range.0."))
        unmoved = np.array_equal(before[name], after[name])
        assert unmoved == (stays or np.array_equal(before[name], moved[name])), name
    assert not any("blocks.0." in name for name in frozen.d_optimizer.slots())
