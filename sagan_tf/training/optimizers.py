"""Adam with two time scales (TTUR: Heusel et al. 2017), over TensorFlow's fused kernel."""

from dataclasses import dataclass

import tensorflow as tf

INITIAL_SCALE, SCALE_GROWTH_EVERY = 2.0**15, 2000


class LossScale:
    """A power of two by which the loss is multiplied before its gradient is taken, and the gradient divided after.

    It doubles after `growth_every` good updates in a row and halves, down to 1, after one whose gradients are not
    finite and which was therefore skipped. All of it is state, and the same on all replicas.
    """

    def __init__(self, *, initial: float = INITIAL_SCALE, growth_every: int = SCALE_GROWTH_EVERY):
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


@dataclass(frozen=True, kw_only=True)
class TwoTimescaleAdam:
    """The constants of G's and D's Adam.

    g_learning_rate, d_learning_rate: SAGAN 1e-4 and 4e-4; BigGAN 5e-5 and 2e-4.
    beta_1, beta_2: SAGAN's text has 0 and 0.9; its released code never sets beta_2, which leaves 0.999. BigGAN 0 and
      0.999.
    epsilon: added to the root of the uncorrected second moment, as TensorFlow 1 did ("epsilon hat").
    decay_from, decay_to: steps between which both rates go linearly to 0 (SNGAN: 400,000 and 450,000); None never.

    Raises:
      ValueError: for a rate or epsilon that is not positive, a beta outside [0, 1), or a decay that ends before it
        starts.
    """

    g_learning_rate: float = 1e-4
    d_learning_rate: float = 4e-4
    beta_1: float = 0.0
    beta_2: float = 0.9
    epsilon: float = 1e-8
    decay_from: int | None = None
    decay_to: int | None = None

    def __post_init__(self):
        for name in ("g_learning_rate", "d_learning_rate", "epsilon"):
            _check_number(name, getattr(self, name), above=0.0)
        for name in ("beta_1", "beta_2"):
            _check_number(name, getattr(self, name), below=1.0)
        start, end = self.decay_from, self.decay_to
        if (start is None) != (end is None) or (start is not None and not 0 <= start < end):
            raise ValueError(
                "decay_from and decay_to must be given together, 0 <= decay_from < decay_to; received "
                f"decay_from={start!r}, decay_to={end!r}. SNGAN's are 400000 and 450000."
            )

    def decay(self, step: tf.Tensor) -> tf.Tensor:
        """What the learning rates are multiplied by in a step (from 0): 1, then linearly down to 0."""
        if self.decay_from is None:
            return tf.ones([])
        return tf.clip_by_value(tf.cast(self.decay_to - step, tf.float32) / (self.decay_to - self.decay_from), 0.0, 1.0)

    def generator(self, variables: dict[str, tf.Variable], loss_scale: LossScale | None = None) -> "Adam":
        return Adam(variables, learning_rate=self.g_learning_rate, options=self, loss_scale=loss_scale)

    def discriminator(self, variables: dict[str, tf.Variable], loss_scale: LossScale | None = None) -> "Adam":
        return Adam(variables, learning_rate=self.d_learning_rate, options=self, loss_scale=loss_scale)


def _check_number(name: str, value: float, *, above: float | None = None, below: float | None = None) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (value <= above if above is not None else not 0 <= value < below):
        wanted = f"a number above {above:g}" if above is not None else f"a number in [0, {below:g})"
        raise ValueError(f"{name} must be {wanted}; received {name}={value!r}. SAGAN's values are the defaults.")


class Adam(tf.Module):
    """Adam (Kingma & Ba 2015, Algorithm 1) whose slots are kept by their variables' names.

    lr_t = lr sqrt(1 - beta_2^t) / (1 - beta_1^t); m, v moving averages of g, g^2; w <- w - lr_t m / (sqrt(v) + eps).
    loss_scale: what float16 training multiplies the loss by; its state is the optimizer's.
    """

    def __init__(
        self,
        variables: dict[str, tf.Variable],
        *,
        learning_rate: float,
        options: TwoTimescaleAdam,
        loss_scale: LossScale | None = None,
    ):
        super().__init__()
        self.variables_by_name = dict(variables)
        self.learning_rate = learning_rate
        self.options = options
        self.loss_scale = loss_scale
        self.m = {name: self._slot(name, v) for name, v in variables.items()}
        self.v = {name: self._slot(name, v) for name, v in variables.items()}

    @staticmethod
    def _slot(name: str, variable: tf.Variable) -> tf.Variable:
        return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False, name=name.replace(".", "_"))

    def slots(self) -> dict[str, tf.Variable]:
        """The state to be checkpointed, as "m.NAME", "v.NAME" and "loss_scale.NAME"."""
        groups = {"m": self.m, "v": self.v, "loss_scale": self.loss_scale.variables() if self.loss_scale else {}}
        return {f"{group}.{name}": v for group, variables in groups.items() for name, v in variables.items()}

    def apply(self, gradients: dict[str, tf.Tensor], t: tf.Tensor, decay: tf.Tensor | float = 1.0) -> None:
        """One update, the t-th (from 1), by gradients that are the same on all replicas, at lr times `decay`."""
        o, t = self.options, tf.cast(t, tf.float32)
        for name, gradient in gradients.items():
            tf.raw_ops.ResourceApplyAdam(
                var=self.variables_by_name[name].handle,
                m=self.m[name].handle,
                v=self.v[name].handle,
                beta1_power=tf.pow(o.beta_1, t),
                beta2_power=tf.pow(o.beta_2, t),
                lr=self.learning_rate * decay,
                beta1=o.beta_1,
                beta2=o.beta_2,
                epsilon=o.epsilon,
                grad=gradient,
            )
