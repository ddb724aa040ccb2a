"""The scalars that every training step logs: their names, one step's, and their means over the steps of one call."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from sagan_tf.layers.variable_names import layer_of
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.state import GAN
from sagan_tf.training.update import Logs, Update

ALWAYS = (
    "d_loss",
    "d_loss_real",  # the terms of D's adversarial loss: of real and of fake images, without class terms and penalties
    "d_loss_fake",
    "g_loss",
    "logits_real",  # means of D(x) and D(G(z)) in D's update
    "logits_fake",
    "d_gradient_norm",  # Euclidean norm over all weights, of the whole batch's gradient
    "g_gradient_norm",
    "d_learning_rate",
    "g_learning_rate",
)
HINGE = ("saturated_real", "saturated_fake")  # shares of images beyond the hinge's margin
FLOAT16 = ("d_loss_scale", "g_loss_scale")
AUGMENTATION = ("augmentation_real_signs", "augmentation_strength")  # r_t and p, see objectives/augmentation.py
LAYERS = "layer_gradient_norm/"  # before the layer's name, "discriminator.blocks.0.conv_1": the norm over its weights
NON_FINITE = ("skipped", "bad_tensor")  # steps with a skipped update; index into `tensor_names`, -1 for none


def names(gan: GAN, objective: Objective) -> tuple[str, ...]:
    """The names of one step's logs, without the two of NON_FINITE."""
    scaled = gan.d_optimizer.loss_scale is not None
    augments = gan.augmenter.options is not None
    optional = ((HINGE, objective.loss == "hinge"), (FLOAT16, scaled), (AUGMENTATION, augments))
    always = ALWAYS + tuple(name for group, included in optional if included for name in group)
    return (*always, *_layer_names("discriminator", gan.d_trainable), *_layer_names("generator", gan.g_trainable))


def _layer_names(network: str, trainable: Mapping[str, tf.Variable]) -> list[str]:
    """The names of the logs of a network's layers, in the order of their first variables."""
    return [f"{LAYERS}{network}.{layer}" for layer in dict.fromkeys(map(layer_of, trainable))]


def tensor_names(d_trainable: Mapping[str, tf.Variable], g_trainable: Mapping[str, tf.Variable]) -> tuple[str, ...]:
    """The names of what `bad_tensor` counts: D's loss and gradients, then G's."""
    d = [f"gradient of discriminator.{name}" for name in d_trainable]
    g = [f"gradient of generator.{name}" for name in g_trainable]
    return ("d_loss", *d, "g_loss", *g)


def of_step(gan: GAN, d_updates: Sequence[Update], g_update: Update) -> Logs:
    """One step's logs, float32 scalars: D's of its last update; `skipped` and `bad_tensor` of all its updates."""
    checks = [update.check for update in (*d_updates, g_update)]
    skipped = tf.logical_not(tf.reduce_all([check.ok for check in checks]))
    bad_tensor = _bad_tensor(d_updates, g_update, d_tensors=1 + len(gan.d_trainable))
    logs = {"skipped": tf.cast(skipped, tf.float32), "bad_tensor": tf.cast(bad_tensor, tf.float32)}
    for network, update, optimizer in (
        ("discriminator", d_updates[-1], gan.d_optimizer),
        ("generator", g_update, gan.g_optimizer),
    ):
        name = network[0]
        logs |= {f"{name}_loss": update.loss, f"{name}_gradient_norm": update.check.norm, **update.logs}
        logs |= _layer_norms(network, optimizer.variables_by_name, update.check.squares)
        logs[f"{name}_learning_rate"] = update.learning_rate
        if optimizer.loss_scale is not None:
            logs[f"{name}_loss_scale"] = tf.convert_to_tensor(optimizer.loss_scale.scale)
    return logs


def _layer_norms(network: str, trainable: Mapping[str, tf.Variable], squares: tf.Tensor) -> Logs:
    """The Euclidean norm of each layer's gradient, from the squared norms of its variables' gradients (N,)."""
    names = _layer_names(network, trainable)
    layers = [names.index(f"{LAYERS}{network}.{layer_of(variable)}") for variable in trainable]
    norms = tf.sqrt(tf.math.unsorted_segment_sum(squares, tf.constant(layers), len(names)))
    return dict(zip(names, tf.unstack(norms), strict=True))


def _bad_tensor(d_updates: Sequence[Update], g_update: Update, d_tensors: int) -> tf.Tensor:
    """The index into `tensor_names` of a tensor that was not finite in any of the updates, int32; -1 if all were."""
    d = tf.reduce_max([update.check.bad for update in d_updates])
    g = tf.where(g_update.check.bad < 0, -1, g_update.check.bad + d_tensors)
    return tf.maximum(d, g)


def over_steps(one_step: Callable[[], Logs], n: tf.Tensor, names: tuple[str, ...]) -> Logs:
    """Runs n steps and aggregates their logs: float32 scalars.

    Each of `names` is the mean over the steps in which it was finite, NaN if there was none. `skipped` is a sum, and
    `bad_tensor` the largest index.
    """

    def body(at, sums, counts, skipped, bad):
        logs = one_step()
        values = tf.stack([logs[name] for name in names])
        finite = tf.math.is_finite(values)
        sums += tf.where(finite, values, 0.0)
        counts += tf.cast(finite, tf.float32)
        return at + 1, sums, counts, skipped + logs["skipped"], tf.maximum(bad, logs["bad_tensor"])

    zeros = tf.zeros([len(names)])
    start = (tf.zeros_like(n), zeros, zeros, tf.zeros([]), tf.constant(-1.0))
    _, sums, counts, skipped, bad = tf.while_loop(lambda at, *_: at < n, body, start, parallel_iterations=1)
    return {**dict(zip(names, tf.unstack(sums / counts), strict=True)), "skipped": skipped, "bad_tensor": bad}
