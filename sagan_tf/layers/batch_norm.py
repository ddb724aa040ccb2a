"""Batch normalization with the constants, statistics and replica handling of the papers.

Shapes: B images per batch, H and W the sides of a map, C its channels.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.layers.building import build_part
from sagan_tf.layers.dtype_policy import add_float32_weight, in_compute_dtype
from sagan_tf.layers.platform_algorithms import platform_algorithms
from sagan_tf.layers.serialization import register
from sagan_tf.layers.shapes import check_axes
from sagan_tf.layers.target_platform import target_platform

InferenceStatistics = Literal["moving", "batch"]
Moments = tuple[tf.Tensor, tf.Tensor]  # mean and biased variance, (C,) each

_in_this_thread = threading.local()  # MirroredStrategy traces every replica in a thread of its own


def local_moments(x: tf.Tensor) -> Moments:
    """Mean and biased variance over batch, height and width, in float32: (B,H,W,C) -> (C,), (C,)."""
    return tf.nn.moments(tf.cast(x, tf.float32), [0, 1, 2])


@tf.custom_gradient
def shifted_moments(x: tf.Tensor, shift: tf.Tensor) -> Moments:
    """`local_moments` in one pass over the map, from the sums of x - shift and of its square.

    shift: (C,), float32, near the mean, so that their difference cancels few digits (Chan, Golub & LeVeque 1983,
      "Algorithms for computing the sample variance"). The moments are the same for every value, up to rounding, so it
      receives no gradient. The variance's relative error grows with ((mean - shift) / deviation)^2: at 10 it was at
      most 6e-4, at 100 6%, and at 1000 the variance was lost (50 draws of 16 maps of 16x16).

    Accelerators shift by the moving mean, which a new layer starts at 0. Give it inputs whose mean is not hundreds of
    deviations from 0, as those of the papers' networks are not. A shift by a value of the map itself would not need
    that, but the TPU's compiler estimates 10.8 ms instead of 9.6 for SAGAN-128's last block (v5e,
    benchmarks/compile_layers.py block).
    """
    deviation = tf.cast(x, tf.float32) - shift
    mean, square = (tf.reduce_mean(values, [0, 1, 2]) for values in (deviation, tf.square(deviation)))
    variance = tf.maximum(square - tf.square(mean), 0.0)
    mean += shift

    def gradients(d_mean, d_variance):
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        slope = 2.0 * d_variance / count  # d variance / d x = 2 (x - mean) / count
        return tf.cast(tf.cast(x, tf.float32) * slope + (d_mean / count - slope * mean), x.dtype), None

    return (mean, variance), gradients


def mean_over_replicas(moments: Sequence[Moments], shifts: Sequence[tf.Tensor]) -> list[Moments]:
    """The moments of the batches of all replicas together, of each of several maps, by one all-reduce for each map.

    The replicas sum mean - shift and its square plus the variance, from which the variance of all of them follows by a
    difference. The sums are in float64, so that it keeps its digits; TPUs have no float64, and keep them if the shift
    is near the mean. compare_gan, TF-GAN and Keras do the same in float32 without a shift: at a mean of 1000 and a
    deviation of 1, the variance is then wrong by 4%, and by up to 14% (the median and the worst of 200 draws of two
    batches of 4,096 values); at a mean of 100 by up to 0.2%.

    shifts: (C,) each, the same on all replicas, without a gradient.

    Shapes: mean, variance (C,) -> (C,), (C,), float32. The replicas' batches must be of equal size.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return list(moments)
    dtype = tf.float32 if target_platform() == "tpu" else tf.float64
    shifts = [tf.stop_gradient(tf.cast(shift, dtype)) for shift in shifts]
    raw = []
    for (mean, variance), shift in zip(moments, shifts, strict=True):
        deviation = tf.cast(mean, dtype) - shift
        raw.append(tf.stack([deviation, tf.cast(variance, dtype) + tf.square(deviation)]))
    together = []
    for sums, shift in zip(context.all_reduce(tf.distribute.ReduceOp.MEAN, raw), shifts, strict=True):
        deviation, square = tf.unstack(sums)
        variance = tf.maximum(square - tf.square(deviation), 0.0)
        together.append((tf.cast(deviation + shift, tf.float32), tf.cast(variance, tf.float32)))
    return together


@contextlib.contextmanager
def deferred_statistics() -> Iterator[list[tuple["BatchStatistics", Moments]]]:
    """A scope in which a batch norm that normalizes by each replica's own batch does not sum over the replicas.

    Instead of updating its moving averages, it adds its statistics and this replica's moments to the scope's list.
    Afterwards `BatchStatistics.follow` updates the averages with the moments of all replicas. A batch norm over all
    replicas (`cross_replica`) needs its sum to normalize, and defers nothing.
    """
    _in_this_thread.deferred = []
    try:
        yield _in_this_thread.deferred
    finally:
        del _in_this_thread.deferred


@contextlib.contextmanager
def unfrozen() -> Iterator[None]:
    """A scope in which batch norms with `trainable = False` also heed `training=True`, to measure their moments."""
    _in_this_thread.unfrozen = True
    try:
        yield
    finally:
        del _in_this_thread.unfrozen


def affine_norm(x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, gain, bias, epsilon: float) -> tf.Tensor:
    """gain * (x - mean) / sqrt(variance + epsilon) + bias, as one multiply and one add per element of the map.

    Shapes: x (B,H,W,C); mean, variance (C,); gain, bias (C,) or (B,C). All but the map is computed in float32.
    """
    scale = gain * tf.math.rsqrt(variance + epsilon)
    return affine(x, scale, bias - mean * scale)


def affine(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """x * scale + shift. Shapes: x (B,H,W,C); scale, shift (C,) or (B,C)."""
    if scale.shape.rank == 2:
        scale, shift = scale[:, None, None, :], shift[:, None, None, :]  # (B,1,1,C)
    return x * tf.cast(scale, x.dtype) + tf.cast(shift, x.dtype)


@register
class BatchStatistics(tf.keras.layers.Layer):
    """The mean and variance by which a batch norm normalizes: the batch's in training, moving averages in inference.

    moving <- decay * moving + (1 - decay) * batch, with the biased variance (as in TensorFlow; torch stores the
    unbiased one). SAGAN: decay 0.999 in conditional norms, 0.9999 in the last one, no bias correction (released code;
    not stated in the paper). With several replicas, the moving averages are of the moments of all batches together and
    so equal on all replicas. `cross_replica` decides whether training normalizes by those as well (BigGAN) or by each
    replica's own (SAGAN, SNGAN).

    inference: "moving", or "batch" to normalize by the batch's own moments in inference too, in which case an
    image depends on its batch. Standing statistics (BigGAN) are moving ones that were gathered anew for sampling
    (sampling/standing_statistics.py).

    While the layer is frozen (`trainable = False`, its own or that of a model around it), it is in inference, whatever
    `training` is, and the moving averages stay as they are, as in Keras' BatchNormalization. Within `unfrozen` it is
    not.

    Shapes: x (B,H,W,C) -> mean (C,), variance (C,), float32.

    Raises:
      ValueError: if `inference` is neither.
    """

    def __init__(
        self, *, decay: float, cross_replica: bool = False, inference: InferenceStatistics = "moving", **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        check_choice(type(self).__name__, "inference", inference, get_args(InferenceStatistics))
        self.decay = decay
        self.cross_replica = cross_replica
        self.inference = inference

    def build(self, input_shape):
        check_axes("a batch norm", "input", input_shape, "(B,H,W,C)")
        shape = (input_shape[-1],)
        self.moving_mean = add_float32_weight(self, "moving_mean", shape, "zeros", trainable=False)
        self.moving_variance = add_float32_weight(self, "moving_variance", shape, "ones", trainable=False)

    def call(self, x, training=False):
        training = training and (self.trainable or getattr(_in_this_thread, "unfrozen", False))
        if not training and self.inference == "batch":
            return local_moments(x)
        if not training:
            return self.moving()
        local = self._training_moments(x)
        deferred = getattr(_in_this_thread, "deferred", None)
        if deferred is not None and not self.cross_replica:
            deferred.append((self, local))
            return local
        (together,) = mean_over_replicas([local], [self.moving()[0]])
        self.follow(*together)
        return together if self.cross_replica else local

    def follow(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        """Updates the moving averages with the moments of a batch, (C,) each and the same on all replicas."""
        for moving, value in zip((self.moving_mean, self.moving_variance), (mean, variance), strict=True):
            old = tf.convert_to_tensor(moving)
            moving.assign(old * self.decay + tf.stop_gradient(value) * (1.0 - self.decay))

    def _training_moments(self, x: tf.Tensor) -> Moments:
        if platform_algorithms().one_pass_moments:
            return shifted_moments(x, tf.convert_to_tensor(self.moving_mean))
        return local_moments(x)

    def moving(self) -> Moments:
        """The moving mean and variance, (C,) each."""
        return tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's arguments, which are also those of the norm that holds these statistics."""
        return {"decay": self.decay, "cross_replica": self.cross_replica, "inference": self.inference}

    def compute_output_shape(self, input_shape):
        return (input_shape[-1],), (input_shape[-1],)

    def get_config(self):
        return {**super().get_config(), **self.options}


@register
class BatchNorm(tf.keras.layers.Layer):
    """Batch norm with a learned gain and bias, as before the last convolution of every generator of this package.

    decay, cross_replica, inference, and what `trainable = False` does: see `BatchStatistics`. epsilon: added to the
      variance.

    Shapes: x (B,H,W,C) -> (B,H,W,C); `condition` is ignored, so that the layer can replace a conditional norm.
    """

    def __init__(
        self,
        *,
        decay: float = 0.9999,
        epsilon: float = 1e-5,
        cross_replica: bool = False,
        inference: InferenceStatistics = "moving",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.epsilon = epsilon
        self.statistics = BatchStatistics(
            decay=decay, cross_replica=cross_replica, inference=inference, dtype="float32", trainable=self.trainable
        )

    def build(self, input_shape):
        self.gain = add_float32_weight(self, "gain", (input_shape[-1],), "ones")
        self.bias = add_float32_weight(self, "bias", (input_shape[-1],), "zeros")
        build_part(self.statistics, input_shape)

    def call(self, x, condition=None, training=False):
        x = in_compute_dtype(self, x)
        mean, variance = self.statistics(x, training=training)
        gain, bias = tf.convert_to_tensor(self.gain), tf.convert_to_tensor(self.bias)
        return affine_norm(x, mean, variance, gain, bias, self.epsilon)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), **self.statistics.options, "epsilon": self.epsilon}
