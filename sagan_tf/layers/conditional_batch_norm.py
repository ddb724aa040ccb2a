"""Conditional batch norm, whose gain and bias are functions of a condition (Dumoulin et al. 2017)."""

from typing import Any

import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchStatistics, InferenceStatistics, affine_norm
from sagan_tf.layers.building import build_part
from sagan_tf.layers.dtype_policy import in_compute_dtype
from sagan_tf.layers.linear import Dense, Embedding
from sagan_tf.layers.serialization import deserialize_layer, register, serialize_layer
from sagan_tf.layers.shapes import check_axes

_ONE_PER_IMAGE = "Give labels (B,) or vectors (B,K): labels (B,1) by tf.squeeze(y, -1)."


@register
class ConditionalBatchNorm(tf.keras.layers.Layer):
    """gain(c) * (x - mean) / sqrt(variance + epsilon) + bias(c).

    Gain and bias depend on the condition c in one of two ways:
      class tables (SAGAN, SNGAN): `n_classes=N`, c = y (B,) integers. The gain starts at one, the bias at zero, and the
        tables are never spectrally normalized (released SAGAN code);
      linear maps (BigGAN): without `n_classes`, c (B,K), such as [shared embedding, z chunk]. The maps are bias-free
        `Dense` layers with `one_centered=True`: the gain is 1 + W c (BigGAN-PyTorch, TF-Hub; compare_gan omits the 1).

    ```
    h = ConditionalBatchNorm(n_classes=10)(h, y)            # y: int32 (B,)
    h = ConditionalBatchNorm()(h, embedding)                # embedding: float32 (B,K)
    ```

    n_classes: the number of labels, or None if the condition is a vector.
    gain, bias: layers from the condition to (B,C) that replace the two ways above, such as
      `SpectralNorm(Dense(C, use_bias=False))`.
    one_centered: whether 1 is added to the gain. None: added for linear maps, but not for tables. (BigGAN-PyTorch adds
      it to tables too, which then start at zero.)
    decay, cross_replica, inference, and what `trainable = False` does: see `BatchStatistics`. epsilon: added to the
      variance.

    Shapes: x (B,H,W,C), condition (B,) or (B,K) -> (B,H,W,C). Everything but the map is computed in float32.

    Raises:
      ValueError: if only one of `gain` and `bias` is given, or both together with `n_classes`; when the layer is
        called, if x or the condition has another number of axes.
    """

    def __init__(
        self,
        *,
        n_classes: int | None = None,
        gain: tf.keras.layers.Layer | None = None,
        bias: tf.keras.layers.Layer | None = None,
        one_centered: bool | None = None,
        decay: float = 0.999,
        epsilon: float = 1e-5,
        cross_replica: bool = False,
        inference: InferenceStatistics = "moving",
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        if (gain is None) != (bias is None) or (gain is not None and n_classes is not None):
            raise ValueError(
                "gain and bias must both be layers, or both be left out; n_classes replaces them. Received "
                f"n_classes={n_classes!r}, gain={gain!r}, bias={bias!r}. Give n_classes alone for per-class tables."
            )
        self.n_classes = n_classes
        self.gain = deserialize_layer(gain)
        self.bias = deserialize_layer(bias)
        self.has_given_layers = gain is not None
        linear = n_classes is None and not self.has_given_layers
        self.one_centered = linear if one_centered is None else one_centered
        self.epsilon = epsilon
        self.statistics = BatchStatistics(
            decay=decay, cross_replica=cross_replica, inference=inference, dtype="float32", trainable=self.trainable
        )

    def build(self, x_shape, condition_shape=None):
        if self.gain is None:
            self.gain, self.bias = self._make_gain_and_bias(x_shape[-1])
        for part in (self.gain, self.bias):
            build_part(part, condition_shape)
        build_part(self.statistics, x_shape)

    def _make_gain_and_bias(self, channels: int) -> tuple[tf.keras.layers.Layer, tf.keras.layers.Layer]:
        if self.n_classes is not None:
            starts = {"gain": "zeros" if self.one_centered else "ones", "bias": "zeros"}
            return tuple(
                Embedding(self.n_classes, channels, kernel_initializer=start, dtype="float32", name=name)
                for name, start in starts.items()
            )
        return tuple(Dense(channels, use_bias=False, dtype="float32", name=name) for name in ("gain", "bias"))

    def call(self, x, condition, training=False):
        x, condition = in_compute_dtype(self, x), tf.convert_to_tensor(condition)
        condition = tf.cast(condition, tf.float32) if condition.dtype.is_floating else condition
        mean, variance = self.statistics(x, training=training)
        gain = tf.cast(self.gain(condition, training=training), tf.float32)
        check_axes("ConditionalBatchNorm", "gain", gain.shape, "(B,C)", hint=_ONE_PER_IMAGE)
        gain = 1.0 + gain if self.one_centered else gain
        bias = tf.cast(self.bias(condition, training=training), tf.float32)
        return affine_norm(x, mean, variance, gain, bias, self.epsilon)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            **self.statistics.options,
            "n_classes": self.n_classes,
            "gain": serialize_layer(self.gain) if self.has_given_layers else None,
            "bias": serialize_layer(self.bias) if self.has_given_layers else None,
            "one_centered": self.one_centered,
            "epsilon": self.epsilon,
        }
