"""The logs of the steps against the same numbers computed by hand; and no host operation in a call."""

import dataclasses

import numpy as np
import tensorflow as tf

from sagan_tf.layers.variable_names import layer_of
from sagan_tf.models.heads import DiscriminatorOutput
from sagan_tf.objectives.losses import LOSSES, hinge_saturated
from sagan_tf.objectives.objective import Objective
from sagan_tf.training import logs
from sagan_tf.training.non_finite import GradientCheck
from sagan_tf.training.update import Update
from tests.closeness import NETWORK, assert_close


def test_saturated_shares_count_the_logits_beyond_the_margin():
    real, fake = tf.constant([0.5, 1.0, 3.0, -2.0]), tf.constant([-1.0, -0.9, 0.0, -4.0])
    np.testing.assert_allclose(hinge_saturated(real, fake), (0.5, 0.5))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = LOSSES["hinge"].discriminator(real, fake)
    for gradient in tape.gradient(loss, [real, fake]):  # saturated logits have no gradient
        assert np.count_nonzero(gradient) == 2


def test_the_generators_gradient_norms_are_those_of_its_layers_and_of_all_of_it(tiny, smooth):
    gan = tiny.make()
    z, y = tiny.draw()(tf.constant(0, tf.int64), 1)
    found = tiny.step(gan)
    fresh = tiny.make()
    for name, variable in fresh.d_variables.items():  # G's gradient is taken after D's update
        variable.assign(gan.d_variables[name])
    tiny_step = tiny.draw()(tf.constant(0, tf.int64), 0)
    fresh.generator(*tiny_step, training=True)  # and after D's fakes moved u
    with tf.GradientTape() as tape:
        output = DiscriminatorOutput(*fresh.discriminator(fresh.generator(z, y, training=True), y))
        loss = -tf.reduce_mean(output.logits)
    gradients = tape.gradient(loss, list(fresh.g_trainable.values()))
    squares = {n: np.square(tf.convert_to_tensor(g)).sum() for n, g in zip(fresh.g_trainable, gradients, strict=True)}
    assert_close(found["g_gradient_norm"], np.sqrt(sum(squares.values())), relative=NETWORK)
    layers = {name for name in found if name.startswith("layer_gradient_norm/generator.")}
    assert layers == {f"layer_gradient_norm/generator.{layer_of(name)}" for name in squares}
    dense = np.sqrt(squares["dense.layer.kernel"] + squares["dense.layer.bias"])
    assert_close(found["layer_gradient_norm/generator.dense"], dense, relative=NETWORK)
    gains = np.sqrt(squares["blocks.0.norm_1.gain.kernel"])
    assert_close(found["layer_gradient_norm/generator.blocks.0.norm_1.gain"], gains, relative=NETWORK)
    assert_close(found["g_loss"], loss, relative=NETWORK, floor=0.1)
    assert found["g_learning_rate"] == 10.0 and found["skipped"] == 0 and found["bad_tensor"] == -1


def test_the_discriminators_losses_on_real_and_fake_images_leave_class_terms_and_penalties_out(tiny):
    plain = tiny.step(tiny.make())
    penalized = tiny.step(tiny.make(), Objective(r1=10.0))
    for found in (plain, penalized):
        assert_close(found["d_loss_real"] + found["d_loss_fake"], plain["d_loss"], relative=NETWORK)
    assert penalized["d_loss"] > plain["d_loss"]
    squares = [value**2 for name, value in plain.items() if name.startswith("layer_gradient_norm/discriminator.")]
    assert_close(np.sqrt(sum(squares)), plain["d_gradient_norm"], relative=NETWORK)


def test_ds_logs_are_of_its_last_update_and_what_was_skipped_of_all(tiny):
    gan = tiny.make()

    def update(optimizer, loss, bad):
        squares = tf.fill([len(optimizer.variables_by_name)], loss**2)
        check = GradientCheck(tf.constant(bad < 0), tf.constant(bad), squares)
        return Update(tf.constant(loss), tf.constant(loss / 10), {}, check, tf.constant(1))

    d_updates = [update(gan.d_optimizer, 1.0, 3), update(gan.d_optimizer, 2.0, -1)]
    found = logs.of_step(gan, d_updates, update(gan.g_optimizer, 4.0, -1))
    count = len(gan.d_trainable)
    assert (found["skipped"], found["bad_tensor"], found["d_loss"], found["g_loss"]) == (1, 3, 2, 4)
    assert_close(found["d_gradient_norm"], 2 * np.sqrt(count), relative=NETWORK)
    assert_close(found["d_learning_rate"], 0.2, relative=NETWORK)
    bad = logs.of_step(gan, d_updates[1:], update(gan.g_optimizer, 4.0, 0))
    assert (bad["skipped"], bad["bad_tensor"]) == (1, 1 + count)
    assert logs.tensor_names(gan.d_trainable, gan.g_trainable)[1 + count] == "g_loss"


def test_names_are_those_of_the_steps_logs(tiny):
    for objective, precision in ((Objective(), "float32"), (Objective(loss="wasserstein"), "float16")):
        gan = tiny.make(precision=precision)
        assert set(tiny.step(gan, objective)) == {*logs.names(gan, objective), *logs.NON_FINITE}
    assert len(logs.tensor_names(gan.d_trainable, gan.g_trainable)) == 2 + len(gan.d_trainable) + len(gan.g_trainable)


def test_the_call_holds_no_host_op_but_the_iterators(tiny):
    """Such an operation would wait for Python or the host in the middle of a call."""
    steps = tiny.compiled(tiny.make(dataclasses.replace(tiny.spec, attention_d=(4,))))
    graph = steps.get_concrete_function(tiny.batches(), tf.constant(2)).graph.as_graph_def()
    ops = {node.op for node in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
    assert "IteratorGetNext" in ops and "ResourceApplyAdam" in ops
    assert not [op for op in ops if any(word in op for word in ("PyFunc", "Print", "Assert", "CheckNumerics", "Send"))]


def test_batches_are_sent_ahead_to_the_one_device():
    """A single device trains under OneDeviceStrategy, which copies batches to it before the step needs them."""
    device = tf.config.list_logical_devices("CPU")[1].name
    strategy = tf.distribute.OneDeviceStrategy(device)
    batches = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(tf.zeros([2, 3])).repeat())
    assert next(iter(batches)).device.endswith("CPU:1")
