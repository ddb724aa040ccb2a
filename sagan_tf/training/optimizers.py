"""Adam with two time scales (TTUR: Heusel et al. 2017), over TensorFlow's fused kernel."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True, kw_only=True)
class TwoTimescaleAdam:
    """The constants of G's and D's Adam.

    g_learning_rate, d_learning_rate: SAGAN 1e-4 and 4e-4; BigGAN 5e-5 and 2e-4.
    beta_1, beta_2: SAGAN's text has 0 and 0.9; its released code never sets beta_2, which leaves 0.999. BigGAN 0 and
      0.999.
    epsilon: added to the root of the uncorrected second moment, as TensorFlow 1 did ("epsilon hat").

    Raises:
      ValueError: for a rate or epsilon that is not positive, or a beta outside [0, 1).
    """

    g_learning_rate: float = 1e-4
    d_learning_rate: float = 4e-4
    beta_1: float = 0.0
    beta_2: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self):
        for name in ("g_learning_rate", "d_learning_rate", "epsilon"):
            _check_number(name, getattr(self, name), above=0.0)
        for name in ("beta_1", "beta_2"):
            _check_number(name, getattr(self, name), below=1.0)

    def generator(self, variables: dict[str, tf.Variable]) -> "Adam":
        return Adam(variables, learning_rate=self.g_learning_rate, options=self)

    def discriminator(self, variables: dict[str, tf.Variable]) -> "Adam":
        return Adam(variables, learning_rate=self.d_learning_rate, options=self)


def _check_number(name: str, value: float, *, above: float | None = None, below: float | None = None) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (value <= above if above is not None else not 0 <= value < below):
        wanted = f"a number above {above:g}" if above is not None else f"a number in [0, {below:g})"
        raise ValueError(f"{name} must be {wanted}; received {name}={value!r}. SAGAN's values are the defaults.")


class Adam(tf.Module):
    """Adam (Kingma & Ba 2015, Algorithm 1) whose slots are kept by their variables' names.

    lr_t = lr sqrt(1 - beta_2^t) / (1 - beta_1^t); m, v moving averages of g, g^2; w <- w - lr_t m / (sqrt(v) + eps).
    `apply` runs in a replica's context and sums the gradients over the replicas in one all-reduce.
    """

    def __init__(self, variables: dict[str, tf.Variable], *, learning_rate: float, options: TwoTimescaleAdam):
        super().__init__()
        self.variables_by_name = dict(variables)
        self.learning_rate = learning_rate
        self.options = options
        self.m = {name: self._slot(name, v) for name, v in variables.items()}
        self.v = {name: self._slot(name, v) for name, v in variables.items()}

    @staticmethod
    def _slot(name: str, variable: tf.Variable) -> tf.Variable:
        return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False, name=name.replace(".", "_"))

    def slots(self) -> dict[str, tf.Variable]:
        """The state to be checkpointed, as "m.NAME" and "v.NAME"."""
        return {f"{kind}.{name}": v for kind in ("m", "v") for name, v in getattr(self, kind).items()}

    def apply(self, gradients: dict[str, tf.Tensor], t: tf.Tensor) -> None:
        """One update, the t-th (from 1), from each replica's share of the gradient."""
        names = list(gradients)
        total = tf.distribute.get_replica_context().all_reduce("SUM", [gradients[name] for name in names])
        o, t = self.options, tf.cast(t, tf.float32)
        for name, gradient in zip(names, total, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=self.variables_by_name[name].handle,
                m=self.m[name].handle,
                v=self.v[name].handle,
                beta1_power=tf.pow(o.beta_1, t),
                beta2_power=tf.pow(o.beta_2, t),
                lr=self.learning_rate,
                beta1=o.beta_1,
                beta2=o.beta_2,
                epsilon=o.epsilon,
                grad=gradient,
            )
