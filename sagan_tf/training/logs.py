"""What the steps say of themselves: the names, and how those of many steps become those of one call."""

from collections.abc import Callable

import tensorflow as tf

from sagan_tf.objectives.objective import Objective
from sagan_tf.training.state import GAN

Logs = dict[str, tf.Tensor]

ALWAYS = (
    "d_loss",
    "g_loss",
    "logits_real",  # means of D(x) and D(G(z)) in D's update
    "logits_fake",
    "d_gradient_norm",  # over all weights, of the whole batch
    "g_gradient_norm",
    "d_learning_rate",
    "g_learning_rate",
)
HINGE = ("saturated_real", "saturated_fake")  # shares of images beyond the hinge's margin
FLOAT16 = ("d_loss_scale", "g_loss_scale")
GUARD = ("skipped", "bad_tensor")  # steps with a skipped update; index into the names of tensors, -1 for none


def names(gan: GAN, objective: Objective) -> tuple[str, ...]:
    """The logs of one step, all but the guard's two."""
    scaled = gan.d_optimizer.loss_scale is not None
    return ALWAYS + (HINGE if objective.loss == "hinge" else ()) + (FLOAT16 if scaled else ())


def over_steps(one_step: Callable[[], Logs], n: tf.Tensor, of: tuple[str, ...]) -> Logs:
    """The logs of n steps: means over those without a skipped update (NaN if there are none), and the guard's two."""

    def body(at, sums, skipped, bad):
        logs = one_step()
        values = tf.stack([logs[name] for name in of])
        sums += tf.where(logs["skipped"] > 0, tf.zeros_like(values), values)
        return at + 1, sums, skipped + logs["skipped"], tf.maximum(bad, logs["bad_tensor"])

    start = (tf.zeros_like(n), tf.zeros([len(of)]), tf.zeros([]), tf.constant(-1.0))
    _, sums, skipped, bad = tf.while_loop(lambda at, *_: at < n, body, start, parallel_iterations=1)
    means = tf.unstack(sums / (tf.cast(n, tf.float32) - skipped))
    return {**dict(zip(of, means, strict=True)), "skipped": skipped, "bad_tensor": bad}
