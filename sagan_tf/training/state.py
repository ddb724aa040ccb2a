"""The state of training: everything that must survive a crash has one owner, `GAN`."""

from collections.abc import Mapping

import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.augmentation import DiffAugment
from sagan_tf.objectives.lecam import LeCam
from sagan_tf.training.augmenter import Augmenter
from sagan_tf.training.ema import MovingAverage
from sagan_tf.training.logit_averages import LogitAverages
from sagan_tf.training.optimizers import LossScale, TwoTimescaleAdam

Values = dict[str, tf.Tensor]


def initial_seeds(seed: int) -> tuple[int, int]:
    """The seeds of G's and D's initial weights in a run with this seed."""
    return 2 * seed, 2 * seed + 1


class GAN:
    """Both networks, both optimizers, the average of G, augmentation, and the step; built inside the strategy's scope.

    `step` counts G's updates. No other counters need to be saved: the optimizers' counts follow from it, and the
    position in the data and all randomness are functions of (seed, step). In float16 each optimizer has a loss scale
    beside its slots. `g_non_trainable` and `d_non_trainable` are what forward passes update and optimizers don't:
    spectral norm's u and the moving statistics.

    seed: of the initial weights; None leaves them zero, where only the program matters, not what it computes.
    frozen_blocks: how many of D's first blocks are not trained (Mo et al. 2020, FreezeD): the optimizer has no
      slots for their weights, and their u stays as it is.
    """

    def __init__(
        self,
        spec: GANSpec,
        *,
        optimizer: TwoTimescaleAdam,
        average: MovingAverage | None,
        numerics: Numerics,
        seed: int | None,
        frozen_blocks: int = 0,
        augmentation: DiffAugment | None = None,
        lecam: LeCam | None = None,
    ):
        self.spec = spec
        self.average = average
        g_seed, d_seed = (None, None) if seed is None else initial_seeds(seed)
        self.generator = Generator(spec, numerics=numerics, seed=g_seed)
        self.discriminator = Discriminator(spec, numerics=numerics, seed=d_seed, frozen_blocks=frozen_blocks)
        self.g_variables = named_variables(self.generator)
        self.d_variables = named_variables(self.discriminator)
        self.g_trainable = {n: v for n, v in self.g_variables.items() if v.trainable}
        frozen = self.discriminator.frozen_names(self.d_variables)
        self.d_trainable = {n: v for n, v in self.d_variables.items() if v.trainable and n not in frozen}
        self.g_non_trainable = {n: v for n, v in self.g_variables.items() if not v.trainable}
        self.d_non_trainable = {n: v for n, v in self.d_variables.items() if not v.trainable}
        scales = [LossScale() if numerics and numerics.precision == "float16" else None for _ in range(2)]
        self.g_optimizer = optimizer.generator(self.g_trainable, scales[0])
        self.d_optimizer = optimizer.discriminator(self.d_trainable, scales[1])
        self.shadow = {n: self._copy(n, v) for n, v in self.g_variables.items()} if average else {}
        self.augmenter = Augmenter(augmentation)
        self.logit_averages = LogitAverages(lecam)
        self.step = tf.Variable(
            0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA, name="step"
        )

    @staticmethod
    def _copy(name: str, variable: tf.Variable) -> tf.Variable:
        return tf.Variable(tf.convert_to_tensor(variable), trainable=False, name="average_" + name.replace(".", "_"))

    def variables(self) -> dict[str, tf.Variable]:
        """All state by stable names: what a checkpoint holds."""
        groups = {
            "generator": self.g_variables,
            "discriminator": self.d_variables,
            "g_optimizer": self.g_optimizer.slots(),
            "d_optimizer": self.d_optimizer.slots(),
            "average": self.shadow,
            "augmentation": self.augmenter.variables(),
            "lecam": self.logit_averages.variables(),
        }
        named = {f"{group}.{name}": v for group, variables in groups.items() for name, v in variables.items()}
        return {"step": self.step, **named}


def read_values(variables: Mapping[str, tf.Variable]) -> Values:
    """The variables' present values, within a replica's step; later writes don't change them."""
    return {name: tf.convert_to_tensor(variable) for name, variable in variables.items()}


def write_values(variables: Mapping[str, tf.Variable], values: Values) -> None:
    """Writes the variables within a replica's step, to undo or to average what forward passes changed.

    Every replica writes its own copy, as the optimizer's fused op does, from values that are the same on all replicas.
    `assign` would ask the strategy to aggregate, which it can't do inside `tf.cond` and loops.
    """
    for name, variable in variables.items():
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=values[name])
