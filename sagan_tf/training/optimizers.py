"""Adam with two time scales (TTUR: Heusel et al. 2017) on TensorFlow's fused kernel, and float16's loss scale."""

from dataclasses import dataclass

import tensorflow as tf

from sagan_tf.foundation.integers import is_integer
from sagan_tf.foundation.plain_numbers import store_plain_numbers

INITIAL_SCALE, SCALE_GROWTH_EVERY = 2.0**15, 2000
# While all gradients are zero, nothing else would limit the scale. From here, the skips that a run allows in a row
# (non_finite.FLOAT16_SKIPS) bring it down to 1.
LARGEST_SCALE = 2.0**24


class LossScale:
    """Dynamic loss scale for float16, in which many gradients would underflow to 0 (Micikevicius et al. 2018).

    It is a power of two. The loss is multiplied by it before the gradient is taken, and the gradient divided by it
    after. It doubles after `growth_every` consecutive good updates, up to 2^24; after an update that was skipped
    because its gradients were not finite, it halves, down to 1. It is part of the training state, and the same on all
    replicas.
    """

    def __init__(self, *, initial: float = INITIAL_SCALE, growth_every: int = SCALE_GROWTH_EVERY):
        self.growth_every = growth_every
        self.scale = tf.Variable(initial, trainable=False, name="loss_scale")
        self.good = tf.Variable(0, dtype=tf.int64, trainable=False, name="good_updates")
        self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False, name="skipped_updates")

    def variables(self) -> dict[str, tf.Variable]:
        """The state by name: the scale, the good updates since it last changed, and how many updates were skipped.

        Adam doesn't count the skipped ones.
        """
        return {"scale": self.scale, "good": self.good, "skipped": self.skipped}

    def update(self, ok: tf.Tensor) -> None:
        """Adapts the scale after an update. ok: scalar bool, whether its loss and gradients were finite."""
        scale, good, skipped = (tf.convert_to_tensor(v) for v in self.variables().values())
        good = tf.where(ok, good + 1, 0)
        grows = good >= self.growth_every
        grown = tf.where(grows, tf.minimum(2.0 * scale, LARGEST_SCALE), scale)
        self.scale.assign(tf.where(ok, grown, tf.maximum(0.5 * scale, 1.0)))
        self.good.assign(tf.where(grows, tf.zeros_like(good), good))
        self.skipped.assign(tf.where(ok, skipped, skipped + 1))


@dataclass(frozen=True, kw_only=True)
class TwoTimescaleAdam:
    """The settings of G's and D's Adam.

    g_learning_rate, d_learning_rate: SAGAN uses 1e-4 and 4e-4; BigGAN 5e-5 and 2e-4.
    beta_1, beta_2: SAGAN's paper has 0 and 0.9, but its released code never sets beta_2, which leaves 0.999. BigGAN
      uses 0 and 0.999.
    epsilon: is added to the root of the uncorrected second moment, as in TensorFlow 1 ("epsilon hat").
    decay_from, decay_to: the steps between which both learning rates fall linearly to 0 (SNGAN: 400,000 and 450,000);
      None keeps them constant.
    g_warmup, d_warmup: over how many steps the rate of G or D first rises linearly to its value, 0 for none. None means
      no warm-up either, unless D starts from new weights and G does not (`train --init_from`, import_weights): then G's
      rate rises over 500 steps and D's over 100 (runs/transfer.py).

    Raises:
      ValueError: for a learning rate or epsilon that is not positive, a beta outside [0, 1), or a decay that ends
        before it starts, or a warm-up of less than 0 steps.
    """

    g_learning_rate: float = 1e-4
    d_learning_rate: float = 4e-4
    beta_1: float = 0.0
    beta_2: float = 0.9
    epsilon: float = 1e-8
    decay_from: int | None = None
    decay_to: int | None = None
    g_warmup: int | None = None
    d_warmup: int | None = None

    def __post_init__(self):
        store_plain_numbers(self)
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
        for name in ("g_warmup", "d_warmup"):
            steps = getattr(self, name)
            if steps is not None and not is_integer(steps, 0):
                raise ValueError(
                    f"{name} must be an integer of at least 0, or None; received {name}={steps!r}. 0 is no warm-up."
                )

    def decay(self, step: tf.Tensor) -> tf.Tensor:
        """The factor of both learning rates in a step (scalar integer, from 0): 1, then linearly down to 0."""
        if self.decay_from is None:
            return tf.ones([])
        return tf.clip_by_value(tf.cast(self.decay_to - step, tf.float32) / (self.decay_to - self.decay_from), 0.0, 1.0)

    def generator(self, variables: dict[str, tf.Variable], loss_scale: LossScale | None = None) -> "Adam":
        return Adam(
            variables,
            learning_rate=self.g_learning_rate,
            options=self,
            loss_scale=loss_scale,
            warmup=self.g_warmup or 0,
        )

    def discriminator(self, variables: dict[str, tf.Variable], loss_scale: LossScale | None = None) -> "Adam":
        return Adam(
            variables,
            learning_rate=self.d_learning_rate,
            options=self,
            loss_scale=loss_scale,
            warmup=self.d_warmup or 0,
        )


def _check_number(name: str, value: float, *, above: float | None = None, below: float | None = None) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (value <= above if above is not None else not 0 <= value < below):
        wanted = f"a number above {above:g}" if above is not None else f"a number in [0, {below:g})"
        raise ValueError(f"{name} must be {wanted}; received {name}={value!r}. SAGAN's values are the defaults.")


class Adam(tf.Module):
    """Adam (Kingma & Ba 2015, Algorithm 1); its slots m and v go by the names of their variables.

    lr_t = lr sqrt(1 - beta_2^t) / (1 - beta_1^t), w <- w - lr_t m / (sqrt(v) + epsilon), where m and v are moving
    averages of the gradient and of its square.

    variables: the weights to be optimized, by name.
    loss_scale: float16's; its state is checkpointed with the slots.
    warmup: over how many steps the learning rate rises to its value.
    """

    def __init__(
        self,
        variables: dict[str, tf.Variable],
        *,
        learning_rate: float,
        options: TwoTimescaleAdam,
        loss_scale: LossScale | None = None,
        warmup: int = 0,
    ):
        super().__init__()
        self.variables_by_name = dict(variables)
        self.learning_rate = learning_rate
        self.options = options
        self.loss_scale = loss_scale
        self.warmup = warmup
        self.m = {name: self._slot(name, v) for name, v in variables.items()}
        self.v = {name: self._slot(name, v) for name, v in variables.items()}

    @staticmethod
    def _slot(name: str, variable: tf.Variable) -> tf.Variable:
        return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False, name=name.replace(".", "_"))

    def rate_factor(self, step: tf.Tensor) -> tf.Tensor:
        """The factor of the learning rate in a step (scalar integer, from 0): its warm-up times its decay."""
        decay = self.options.decay(step)
        if not self.warmup:
            return decay
        return decay * tf.minimum((tf.cast(step, tf.float32) + 1.0) / self.warmup, 1.0)

    def slots(self) -> dict[str, tf.Variable]:
        """The state to be checkpointed, under the names "m.NAME", "v.NAME" and "loss_scale.NAME"."""
        groups = {"m": self.m, "v": self.v, "loss_scale": self.loss_scale.variables() if self.loss_scale else {}}
        return {f"{group}.{name}": v for group, variables in groups.items() for name, v in variables.items()}

    def apply(self, gradients: dict[str, tf.Tensor], t: tf.Tensor, decay: tf.Tensor | float = 1.0) -> None:
        """Makes one update of the weights.

        gradients: by the names of the variables and in their shapes; they must be the same on all replicas.
        t: scalar integer from 1, the number of the update.
        decay: scalar that multiplies the learning rate.
        """
        o, t = self.options, tf.cast(t, tf.float32)
        # Computed once: an operation for each weight would make up most of the operations traced here.
        shared = {
            "beta1_power": tf.pow(o.beta_1, t),
            "beta2_power": tf.pow(o.beta_2, t),
            "lr": self.learning_rate * decay,
            "beta1": tf.constant(o.beta_1),
            "beta2": tf.constant(o.beta_2),
            "epsilon": tf.constant(o.epsilon),
        }
        for name, gradient in gradients.items():
            slots = {"m": self.m[name].handle, "v": self.v[name].handle}
            tf.raw_ops.ResourceApplyAdam(var=self.variables_by_name[name].handle, grad=gradient, **slots, **shared)
