"""Generators for inference only: everything that depends only on the weights is computed once.

`fold` copies a generator with its kernels normalized and its norms reduced to one multiply and one add. `bake` folds it
together with several sets of batch statistics, among which each image's truncation chooses.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchNorm, BatchStatistics
from sagan_tf.layers.building import WithoutBuild
from sagan_tf.layers.clone import clone_with
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.dtype_policy import float32_policy
from sagan_tf.layers.inference import constant, fold_linear, fold_norm, refuse_training
from sagan_tf.layers.linear import KernelLayer
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.layers.variable_names import as_variable, named_variables
from sagan_tf.models.generator import Generator

Layer = tf.keras.layers.Layer


@float32_policy()
def fold(generator: Generator, statistics: Mapping[Layer, Layer] | None = None) -> Generator:
    """Copies a generator with normalized, resampled and cast kernels, and with norms as one multiply and one add.

    The copy has the generator's `spec` and `numerics` and is called in the same way, `(z, y)` or
    `(z, y, training=False)`; its images are the same up to rounding (1e-6 in float32). It holds neither u nor
    statistics and shares nothing with the original, so later updates of the original don't reach it: fold once the
    weights and the (standing) statistics are final. Norms that divide by the batch's own moments in inference are left
    as they are. To save the copy for TensorFlow alone, keep `named_variables(folded)` beside the tf.function that calls
    it rather than the network itself, which is a Keras object.

    Args:
      statistics: layers that replace the statistics of norms in the copy. Those norms are not folded.

    Raises:
      ValueError: when the copy is called with training=True.
    """
    dtype, replacements = generator.numerics.dtype, statistics or {}

    def is_constant(moments: BatchStatistics) -> bool:
        return moments.inference == "moving" and moments not in replacements

    def folded(copy: Layer, name: str, value: Any) -> Any:
        if isinstance(value, SpectralNorm | KernelLayer):
            return fold_linear(value, dtype)
        if isinstance(value, BatchNorm | ConditionalBatchNorm) and is_constant(value.statistics):
            return fold_norm(value)
        if isinstance(value, Layer):
            return replacements[value] if value in replacements else clone_with(value, folded)
        variable = as_variable(value)
        return value if variable is None else constant(copy, name, tf.convert_to_tensor(variable))

    return clone_with(generator, folded)


class StatisticsWeights:
    """The weights of the sets of statistics, which all norms of one baked generator share.

    A norm is called with its map and its condition alone, so the weights are passed outside of the call. They are
    available only inside `BakedGenerator.at_truncation`; reading them elsewhere raises an error instead of returning
    those of the last call.
    """

    def __init__(self) -> None:
        self._values: tf.Tensor | None = None

    @property
    def values(self) -> tf.Tensor:
        """The weight of each set for each image, (B,T)."""
        if self._values is None:
            raise RuntimeError("a baked network must be called inside `with baked.at_truncation(truncation):`.")
        return self._values

    @contextlib.contextmanager
    def set_to(self, values: tf.Tensor) -> Iterator[None]:
        """Sets the weights for the calls inside the block."""
        outer, self._values = self._values, values
        try:
            yield
        finally:
            self._values = outer


class BakedStatistics(WithoutBuild, Layer):
    """Several sets of moments, mixed for each image. Shapes: means, variances (T,C) -> (B,C), (B,C), float32."""

    def __init__(self, means: np.ndarray, variances: np.ndarray, weights: StatisticsWeights, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.mixture = weights
        self.means = constant(self, "means", tf.constant(means, tf.float32))
        self.variances = constant(self, "variances", tf.constant(variances, tf.float32))

    def call(self, x, training=False):
        refuse_training(training)
        moments = (tf.convert_to_tensor(self.means), tf.convert_to_tensor(self.variances))
        return tuple(tf.matmul(self.mixture.values, moment) for moment in moments)


class BakedGenerator:
    """(z (B,z_dim), y (B,), truncation (B,)) -> images (B,R,R,3) float32 in [-1,1], by the folded network.

    Means and variances are interpolated linearly between two thresholds; outside the range of the thresholds, those of
    the nearest one are used. DeepMind's published modules have 51 sets, 0.02 apart. Without `truncation`, the last set
    is used.
    """

    def __init__(self, network: Generator, thresholds: Sequence[float], weights: StatisticsWeights):
        self.network = network
        self.spec = network.spec
        self._thresholds = np.asarray(thresholds, np.float32)  # becomes a constant of each graph, not a captured tensor
        self._weights = weights

    @property
    def last_threshold(self) -> float:
        return float(self._thresholds[-1])

    def __call__(self, z: tf.Tensor, y: tf.Tensor, truncation: tf.Tensor | None = None, training: bool = False):
        truncation = tf.fill(tf.shape(y), self.last_threshold) if truncation is None else truncation
        with self.at_truncation(truncation):
            return self.network(z, y, training=training)

    def at_truncation(self, truncation: tf.Tensor) -> contextlib.AbstractContextManager[None]:
        """A context in which `network` may be called: its norms use the statistics of each image's truncation (B,)."""
        return self._weights.set_to(interpolation_weights(truncation, tf.constant(self._thresholds)))


def interpolation_weights(truncation: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """Linear interpolation as weights of T ascending thresholds: (B,), (T,) -> (B,T); each row sums to 1.

    At a threshold the weights are exactly one-hot, so that its statistics are reproduced without rounding.
    """
    count = thresholds.shape[0]
    if count == 1:
        return tf.ones_like(truncation)[:, None]
    t = tf.clip_by_value(truncation, thresholds[0], thresholds[-1])
    below = tf.reduce_sum(tf.cast(t[:, None] > thresholds, tf.int32), 1)  # the number of thresholds below t
    upper = tf.maximum(below, 1)
    low, high = tf.gather(thresholds, upper - 1), tf.gather(thresholds, upper)
    weight = ((t - low) / (high - low))[:, None]
    return tf.one_hot(upper - 1, count) * (1.0 - weight) + tf.one_hot(upper, count) * weight


@float32_policy()
def bake(
    generator: Generator,
    statistics: Sequence[Mapping[str, np.ndarray]] = (),
    thresholds: Sequence[float] = (1.0,),
) -> BakedGenerator:
    """Folds a copy of a built generator together with sets of statistics, one for each threshold.

    Args:
      statistics: arrays by the names of G's moving statistics, as StandingStatistics gathers them; by default, the one
        set that the generator holds.
      thresholds: the truncation of each set, ascending.

    Raises:
      ValueError: if the thresholds don't ascend, or if there is not one for each set.
    """
    variables = {n: v for n, v in named_variables(generator).items() if ".statistics." in n}
    sets = list(statistics) or [{n: v.numpy() for n, v in variables.items()}]
    if len(sets) != len(thresholds) or (np.diff(np.asarray(thresholds, np.float32)) <= 0).any():
        raise ValueError(
            "thresholds must ascend and be as many as the sets of statistics, also in float32; received "
            f"thresholds={list(thresholds)} for {len(sets)} sets."
        )
    weights = StatisticsWeights()
    baked = {}
    for path in dict.fromkeys(n.rpartition(".")[0] for n in variables):
        means, variances = (np.stack([s[f"{path}.moving_{kind}"] for s in sets]) for kind in ("mean", "variance"))
        baked[_layer_at(generator, path)] = BakedStatistics(means, variances, weights)
    return BakedGenerator(fold(generator, baked), thresholds, weights)


def _layer_at(layer: Layer, path: str) -> Layer:
    """The sub-layer at an attribute path such as "blocks.0.norm_1.statistics"."""
    for name in path.split("."):
        layer = layer[int(name)] if name.isdigit() else getattr(layer, name)
    return layer
