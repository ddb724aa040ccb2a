"""A generator for inference whose norms choose their statistics, image by image, by the truncation of its z."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from sagan_tf.layers.inference import constant, refuse_training
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.folding import fold
from sagan_tf.models.generator import Generator


class StatisticsWeights:
    """What one call of a baked generator hands to all its norms: `shares` (B,T) of each set of statistics."""

    shares: tf.Tensor


class BakedStatistics(tf.keras.layers.Layer):
    """Several sets of moments, mixed for each image. Shapes: means, variances (T,C) -> (B,C), (B,C), float32."""

    def __init__(self, means: np.ndarray, variances: np.ndarray, blend: StatisticsWeights, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.blend = blend
        self.means = constant(self, "means", tf.constant(means, tf.float32))
        self.variances = constant(self, "variances", tf.constant(variances, tf.float32))

    def build(self, input_shape):
        """Nothing: it is made whole."""

    def call(self, x, training=False):
        refuse_training(training)
        values = (tf.convert_to_tensor(self.means), tf.convert_to_tensor(self.variances))
        return tuple(tf.matmul(self.blend.shares, value) for value in values)


class BakedGenerator:
    """(z (B,z_dim), y (B,), truncation (B,)) -> images (B,R,R,3) float32 in [-1,1], by the folded network.

    Between two thresholds means and variances are interpolated linearly; beyond the first and the last they are
    theirs. DeepMind's published modules have 51 sets, 0.02 apart. Without `truncation` the last set is taken.
    """

    def __init__(self, network: Generator, thresholds: Sequence[float], blend: StatisticsWeights):
        self.network = network
        self.spec = network.spec
        self._thresholds = np.asarray(thresholds, np.float32)  # a graph's own constant, not a tensor it captures
        self._blend = blend

    @property
    def last_threshold(self) -> float:
        return float(self._thresholds[-1])

    def __call__(self, z: tf.Tensor, y: tf.Tensor, truncation: tf.Tensor | None = None, training: bool = False):
        self.choose(tf.fill(tf.shape(y), self.last_threshold) if truncation is None else truncation)
        return self.network(z, y, training=training)

    def choose(self, truncation: tf.Tensor) -> None:
        """Sets the truncation (B,) by which the next call of `network` takes its statistics."""
        self._blend.shares = shares(truncation, tf.constant(self._thresholds))


def shares(truncation: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """Linear interpolation as weights of T ascending thresholds: (B,), (T,) -> (B,T), rows that sum to 1.

    Exactly one-hot at a threshold, so that nothing is lost there.
    """
    count = thresholds.shape[0]
    if count == 1:
        return tf.ones_like(truncation)[:, None]
    t = tf.clip_by_value(truncation, thresholds[0], thresholds[-1])
    below = tf.reduce_sum(tf.cast(t[:, None] > thresholds, tf.int32), 1)  # thresholds below t
    upper = tf.maximum(below, 1)
    low, high = tf.gather(thresholds, upper - 1), tf.gather(thresholds, upper)
    weight = ((t - low) / (high - low))[:, None]
    return tf.one_hot(upper - 1, count) * (1.0 - weight) + tf.one_hot(upper, count) * weight


def bake(
    generator: Generator,
    statistics: Sequence[Mapping[str, np.ndarray]] = (),
    thresholds: Sequence[float] = (1.0,),
) -> BakedGenerator:
    """A folded copy of a built generator with these sets of statistics, one for each threshold.

    statistics: arrays by the names of G's moving statistics, as StandingStatistics gathers them; by default the one
      set that is in the generator.

    Raises:
      ValueError: if the thresholds don't ascend or aren't as many as the sets.
    """
    variables = {n: v for n, v in named_variables(generator).items() if ".statistics." in n}
    sets = list(statistics) or [{n: v.numpy() for n, v in variables.items()}]
    if len(sets) != len(thresholds) or list(thresholds) != sorted(set(thresholds)):
        raise ValueError(
            "thresholds must ascend and be as many as the sets of statistics; received "
            f"thresholds={list(thresholds)} for {len(sets)} sets."
        )
    blend = StatisticsWeights()
    baked = {}
    for path in dict.fromkeys(n.rpartition(".")[0] for n in variables):
        means, variances = (np.stack([s[f"{path}.moving_{kind}"] for s in sets]) for kind in ("mean", "variance"))
        baked[_at(generator, path)] = BakedStatistics(means, variances, blend)
    return BakedGenerator(fold(generator, baked), thresholds, blend)


def _at(layer: tf.keras.layers.Layer, path: str) -> tf.keras.layers.Layer:
    """The sub-layer at an attribute path such as "blocks.0.norm_1.statistics"."""
    for name in path.split("."):
        layer = layer[int(name)] if name.isdigit() else getattr(layer, name)
    return layer
