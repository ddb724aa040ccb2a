"""Loss scaling for float16, whose smallest numbers are too large for many gradients (Micikevicius et al. 2018)."""

import tensorflow as tf

INITIAL, GROWTH_EVERY = 2.0**15, 2000


class LossScale:
    """A power of two by which the loss is multiplied before its gradient is taken, and the gradient divided after.

    It doubles after `growth_every` good updates in a row and halves, down to 1, after one whose gradients are not
    finite and which was therefore skipped. All of it is state, and the same on all replicas.
    """

    def __init__(self, *, initial: float = INITIAL, growth_every: int = GROWTH_EVERY):
        self.growth_every = growth_every
        self.scale = tf.Variable(initial, trainable=False, name="loss_scale")
        self.good = tf.Variable(0, dtype=tf.int64, trainable=False, name="good_updates")
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False, name="skipped_updates")

    def variables(self) -> dict[str, tf.Variable]:
        """The scale; good updates since it last changed; updates skipped in all, which Adam must not count."""
        return {"scale": self.scale, "good": self.good, "skipped": self.skipped}

    def update(self, ok: tf.Tensor) -> None:
        """After each update: ok says whether it was good."""
        scale, good, skipped = (tf.convert_to_tensor(v) for v in self.variables().values())
        good = tf.where(ok, good + 1, 0)
        grows = good >= self.growth_every
        self.scale.assign(tf.where(ok, tf.where(grows, 2.0 * scale, scale), tf.maximum(0.5 * scale, 1.0)))
        self.good.assign(tf.where(grows, tf.zeros_like(good), good))
        self.skipped.assign(tf.where(ok, skipped, skipped + 1))
