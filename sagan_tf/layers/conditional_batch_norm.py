"""Conditional batch norm: the gain and the bias are functions of the condition (Dumoulin et al. 2017)."""

import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchStatistics, Inference, affine_norm


class ConditionalBatchNorm(tf.keras.layers.Layer):
    """gain(c) * (x - mean) / sqrt(variance + epsilon) + bias(c).

    It is given the two layers that make gain and bias from the condition c:
      per-class tables (SAGAN, SNGAN): c = y (B,) integers; `Embedding`s that start at one and zero, never spectrally
        normalized (released SAGAN code);
      linear maps (BigGAN): c (B,K) = [shared embedding, z chunk]; bias-free `Dense`s with `one_centered=True`, the
        gain being 1 + W c (BigGAN-PyTorch, TF-Hub; compare_gan leaves the 1 out).

    Shapes: x (B,H,W,C), condition (B,) or (B,K) -> (B,H,W,C). The arithmetic up to the map is float32.
    """

    def __init__(
        self,
        *,
        gain: tf.keras.layers.Layer,
        bias: tf.keras.layers.Layer,
        one_centered: bool = False,
        decay: float = 0.999,
        epsilon: float = 1e-5,
        cross_replica: bool = False,
        inference: Inference = "moving",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.gain = gain
        self.bias = bias
        self.one_centered = one_centered
        self.epsilon = epsilon
        self.statistics = BatchStatistics(decay=decay, cross_replica=cross_replica, inference=inference)

    def build(self, input_shape):
        """Nothing of its own: the parts are built by the first call. (Keras would trace that call once a layer.)"""

    def call(self, x, condition, training=False):
        mean, variance = self.statistics(x, training=training)
        gain = self.gain(condition, training=training)
        gain = 1.0 + gain if self.one_centered else gain
        return affine_norm(x, mean, variance, gain, self.bias(condition, training=training), self.epsilon)
