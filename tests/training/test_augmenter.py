"""Augmentation within training: off, fixed and adaptive, resumed, divided among replicas and microbatches."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import batch_norm
from sagan_tf.objectives.augmentation import AdaptiveAugmentation, DiffAugment
from sagan_tf.objectives.lecam import LeCam
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.augmenter import Augmenter
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.discriminator_update import DiscriminatorUpdate
from tests.closeness import assert_close

FAST = AdaptiveAugmentation(strength=0.5, target=-0.9, ramp_images=80, interval=2)
STATE = ("augmentation.strength", "augmentation.signs", "augmentation.images")


def assert_identical(found, expected):
    assert found.keys() >= expected.keys()
    for name, value in expected.items():
        assert found[name].tobytes() == value.tobytes(), name


def test_off_is_no_state_and_strength_0_is_the_same_step_bit_for_bit(tiny):
    off = tiny.make()
    assert off.augmenter.variables() == {} and off.augmenter.noise(tiny.draw(), tf.constant(0), 0, 2) is None
    logs = tiny.step(off, Objective(r1=0.5))
    assert "augmentation_strength" not in logs
    for options in (DiffAugment(strength=0.0), AdaptiveAugmentation(target=0.99), AdaptiveAugmentation(paired=True)):
        gan = tiny.make(augmentation=options)
        found = tiny.step(gan, Objective(r1=0.5))
        assert_identical(tiny.values(gan), tiny.values(off))
        assert {name: found[name] for name in logs} == logs and found["augmentation_strength"] == 0.0


def test_p_rises_and_falls_by_the_images_of_an_interval_and_signs_are_counted_between(tiny):
    gan = tiny.make(augmentation=FAST)
    seen = []
    for number in range(3):
        logs = tiny.step(gan, number=number)
        strength, signs, images = (float(tiny.values(gan)[name]) for name in STATE)
        seen.append(strength)
        assert logs["augmentation_strength"] == pytest.approx(([0.5, *seen])[number])  # what the step was done with
        counted = round(tiny.batch * logs["augmentation_real_signs"])
        assert (signs, images) == ((counted, tiny.batch) if number % 2 == 0 else (0, 0))
    assert seen == pytest.approx([0.5, 0.6, 0.6])  # r_t is above -0.9
    falling = tiny.make(augmentation=dataclasses.replace(FAST, target=0.999, interval=1))
    tiny.step(falling)
    assert float(tiny.values(falling)["augmentation.strength"]) == pytest.approx(0.5 - tiny.batch / 80)


def test_r_t_is_the_mean_sign_over_all_replicas_updates_and_steps_that_were_finite(tiny):
    augmenter = Augmenter(AdaptiveAugmentation(strength=0.5, target=0.2, ramp_images=100, interval=2))

    def adapt(signs, ok, step):
        augmenter.adapt([tf.constant(s) for s in signs], [tf.constant(b) for b in ok], 10, tf.constant(step, tf.int64))
        return [float(v) for v in augmenter.variables().values()]

    assert adapt([0.4, np.nan], [True, False], 0) == [0.5, 4, 10]
    assert adapt([0.0, 0.2], [True, True], 1) == [0.5, 0, 0]  # (4 + 0 + 2) / 30 is the target
    assert adapt([0.4, 0.4], [True, True], 2) == [0.5, 8, 20]
    assert adapt([0.2, 0.4], [True, True], 3) == pytest.approx([0.9, 0, 0])
    assert adapt([np.nan, np.nan], [False, False], 4) == pytest.approx([0.9, 0, 0])
    assert adapt([np.nan, np.nan], [False, False], 5) == pytest.approx([0.9, 0, 0])  # nothing was counted


def test_a_resumed_run_goes_on_exactly_in_the_middle_of_an_interval(tiny, tmp_path):
    gan, other = (tiny.make(augmentation=FAST) for _ in range(2))
    for number in range(3):
        tiny.step(gan, number=number)
    store = CheckpointStore(tmp_path)
    store.save(gan.variables(), 3)
    other.augmenter.variables()["strength"].assign(0.1)
    assert store.restore(other.variables()) == 3
    for number in (3, 4):
        assert tiny.step(gan, number=number) == tiny.step(other, number=number)
    assert_identical(tiny.values(other), tiny.values(gan))
    store.restore(tiny.make().variables())  # one without augmentation reads it too


def test_a_pair_shares_its_numbers_only_if_asked(tiny):
    x = tf.constant(tiny.images()[0][0])
    for paired in (True, False):
        augmenter = Augmenter(DiffAugment(transformations=("brightness", "cutout"), paired=paired))
        noise = augmenter.noise(tiny.draw(), tf.constant(0, tf.int64), 0, 2)
        assert noise.shape == (tiny.batch, 2 * augmenter.options.numbers)
        real, fake = augmenter.real_and_fake(x, x, noise)
        same = [bool(tf.reduce_all(a == b)) for a, b in zip(real, fake, strict=True)]
        assert same == [paired] * tiny.batch
        assert augmenter.noise(tiny.draw(), tf.constant(0, tf.int64), 1, 1).shape[1] == augmenter.options.numbers


@pytest.mark.parametrize("r1_of", ["original", "augmented"])
def test_r1_is_the_gradient_of_the_logits_with_respect_to_the_named_images(tiny, r1_of, smooth):
    """The expected penalty is taken from D itself; cutout's gradient is its mask."""
    gan = tiny.make(augmentation=DiffAugment(transformations=("cutout",), r1_of=r1_of))
    x, y = (tf.constant(a[0]) for a in tiny.images())
    at = tf.constant(0, tf.int64)
    fakes, noise = tiny.draw()(at, 0), gan.augmenter.noise(tiny.draw(), at, 0, 2)
    start = tiny.values(gan)
    seen = gan.augmenter(x, noise[:, : gan.augmenter.options.numbers])
    with tf.GradientTape() as tape:
        tape.watch(seen)
        logits = gan.discriminator(seen, y, training=True).logits
    gradient = tape.gradient(logits, seen)
    if r1_of == "original":
        gradient = tf.where(seen == x, gradient, 0.0)
    expected = 0.5 * float(tf.reduce_mean(tf.reduce_sum(gradient**2, [1, 2, 3])))
    losses = []
    for weight in (0.0, 100.0):
        for name, variable in gan.variables().items():
            variable.assign(start[name])
        update = DiscriminatorUpdate(gan, Objective(r1=weight))((x, y), fakes, tf.constant(1), augmentation=noise)
        losses.append(float(update.loss))
    assert_close((losses[1] - losses[0]) / 100, expected, relative=1e-3)


def test_xla_gives_the_step_of_single_operations(monkeypatch, smooth, tiny):
    """Replicas and microbatches with augmentation are in test_accumulation.py."""
    monkeypatch.setattr(batch_norm, "local_moments", lambda x: (tf.zeros(x.shape[-1]), tf.ones(x.shape[-1])))
    lecam = LeCam(start=1)
    objective = Objective(lecam=lecam)
    # Without spectral norms, which are most of what there is to compile and know nothing of augmentation.
    spec = dataclasses.replace(tiny.spec, spectral_norm_g=False, spectral_norm_d=False)
    plain, xla = (tiny.make(spec=spec, augmentation=FAST, lecam=lecam) for _ in range(2))
    expected = [tiny.step(plain, objective, number=n) for n in range(2)][1]
    plain.step.assign(2)
    steps, iterator = tiny.compiled(xla, objective, xla=True), tiny.batches()
    found = [tiny.call(steps, iterator) for _ in range(2)][1]  # the second by the strength that the first raised
    tiny.assert_logs_equal(found, expected)
    tiny.assert_equal(plain, xla)
    assert [float(tiny.values(xla)[name]) for name in STATE] == [float(tiny.values(plain)[name]) for name in STATE]


def test_bfloat16_trains_with_augmentation_and_r1(tiny):
    logs = tiny.step(tiny.make(augmentation=FAST, precision="bfloat16"), Objective(r1=0.5))
    assert logs["skipped"] == 0 and np.isfinite(list(logs.values())).all()


def test_float16_counts_the_signs_of_good_updates_alone(tiny):
    """The first loss scale is too large for this network, so that D's first update is left out."""
    gan = tiny.make(augmentation=FAST, precision="float16")
    seen = []
    for number in range(4):
        skipped = int(gan.d_optimizer.loss_scale.skipped)
        tiny.step(gan, number=number)
        seen.append((int(gan.d_optimizer.loss_scale.skipped) - skipped, float(gan.augmenter.strength())))
    counted = [tiny.batch * (1 - skip) for skip, _ in seen]
    steps = [(counted[0] + counted[1]) / 80, (counted[2] + counted[3]) / 80]
    assert [p for _, p in seen][1::2] == pytest.approx([0.5 + steps[0], 0.5 + steps[0] + steps[1]])
    assert 0 < sum(counted) < 4 * tiny.batch
