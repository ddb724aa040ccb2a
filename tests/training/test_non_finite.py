"""An update that is not finite changes nothing, and is counted and named. On two replicas: test_accumulation.py."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.non_finite import examine
from sagan_tf.training.step import StepOptions

NAN, INF = float("nan"), float("inf")


def poisoned(tiny, batch, row):
    x, y = tiny.images()
    x[batch, row, 3, 3, 0] = NAN
    return x, y


@pytest.mark.parametrize(
    ("loss", "gradients", "bad"),
    [
        (1.0, ([3.0, 4.0], [12.0]), -1),
        (NAN, ([3.0, 4.0], [NAN]), 0),
        (INF, ([3.0, 4.0], [12.0]), 0),
        (1.0, ([3.0, -INF], [NAN]), 1),
        (1.0, ([3.0, 4.0], [NAN]), 2),
        (1.0, ([3.0, 4.0], [1e30]), 2),
    ],
)
def test_the_first_that_is_not_finite_is_named(loss, gradients, bad):
    check = examine(tf.constant(loss), [tf.constant(g) for g in gradients])
    assert (bool(check.ok), int(check.bad)) == (bad == -1, bad)
    if bad == -1:
        np.testing.assert_allclose(check.norm, 13.0, rtol=1e-6)


def test_means_of_a_call_leave_out_what_is_not_finite(tiny):
    gan = tiny.make()
    start, steps = tiny.values(gan), tiny.compiled(gan)
    iterator = tiny.batches(poisoned(tiny, 1, 0))
    single = [tiny.call(steps, iterator) for _ in range(3)]
    for name, variable in gan.variables().items():
        variable.assign(start[name])
    together = tiny.call(steps, tiny.batches(poisoned(tiny, 1, 0)), 3)
    assert [logs["skipped"] for logs in single] == [0, 1, 0] and together["skipped"] == 1
    assert [logs["bad_tensor"] for logs in single] == [-1, 0, -1] and together["bad_tensor"] == 0
    assert np.isnan(single[1]["d_loss"]) and np.isfinite(single[1]["g_loss"])
    for name in set(together) - {"skipped", "bad_tensor"}:
        expected = np.nanmean([logs[name] for logs in single])
        np.testing.assert_allclose(together[name], expected, rtol=1e-5, err_msg=name)
    assert steps.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("store_u", [False, True], ids=["", "D's u stored in G's update"])
def test_a_bad_update_of_g_leaves_g_its_statistics_and_its_average_alone(tiny, store_u):
    class Poisoned(LatentSampler):
        def __call__(self, step, number):
            z, y = super().__call__(step, number)
            return (z * NAN if number == 1 else z), y

    gan, plain = tiny.make(), tiny.make()
    start = tiny.values(gan)
    options = StepOptions(store_u_in_generator_step=store_u)
    logs = tiny.step(gan, draws=Poisoned(**vars(tiny.draw())), step_options=options)
    tiny.step(plain)
    after, expected = tiny.values(gan), tiny.values(plain)
    for name, value in after.items():
        if name.startswith("d"):
            np.testing.assert_array_equal(value, expected[name], err_msg=name)
        elif name.startswith("g_optimizer") or name.removeprefix("generator.") in gan.g_trainable:
            np.testing.assert_array_equal(value, start[name], err_msg=name)
        assert np.isfinite(value).all(), name
    assert logs["skipped"] == 1 and int(logs["bad_tensor"]) == 1 + len(gan.d_trainable)
    u = "blocks.0.conv_2.u"  # D's update changed it, G's did not, and the average did not follow
    assert np.abs(after["generator." + u] - start["generator." + u]).max() > 0
    assert np.abs(after["generator." + u] - expected["generator." + u]).max() > 0
    np.testing.assert_array_equal(after["average." + u], start["average." + u])
