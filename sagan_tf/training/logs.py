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
    """The logs of n steps: each one's mean over the steps in which it was finite (NaN if none), and the guard's two."""

    def body(at, sums, counts, skipped, bad):
        logs = one_step()
        values = tf.stack([logs[name] for name in of])
        finite = tf.math.is_finite(values)
        sums += tf.where(finite, values, 0.0)
        counts += tf.cast(finite, tf.float32)
        return at + 1, sums, counts, skipped + logs["skipped"], tf.maximum(bad, logs["bad_tensor"])

    zeros = tf.zeros([len(of)])
    start = (tf.zeros_like(n), zeros, zeros, tf.zeros([]), tf.constant(-1.0))
    _, sums, counts, skipped, bad = tf.while_loop(lambda at, *_: at < n, body, start, parallel_iterations=1)
    return {**dict(zip(of, tf.unstack(sums / counts), strict=True)), "skipped": skipped, "bad_tensor": bad}
