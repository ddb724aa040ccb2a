"""Layers for inference, which precompute whatever depends on the weights alone.

Kernels are divided by sigma, resampled and cast; norms become one affine map. A folded layer replaces the trained one
that it was made from and has the same inputs, but can't be trained.
"""

from collections.abc import Callable

import tensorflow as tf

from sagan_tf.layers.batch_norm import BatchNorm, affine
from sagan_tf.layers.building import WithoutBuild
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.linear import KernelLayer
from sagan_tf.layers.spectral_norm import SpectralNorm


def constant(layer: tf.keras.layers.Layer, name: str, value: tf.Tensor) -> tf.Variable:
    """Adds a weight that is never trained. It is not a tf.constant, since a saved graph is limited to 2 GB."""
    return layer.add_weight(
        name=name,
        shape=tuple(value.shape),
        dtype=value.dtype.name,
        initializer=lambda shape, dtype=None: value,
        trainable=False,
    )


class FoldedLinear(WithoutBuild, tf.keras.layers.Layer):
    """product(inputs, kernel) + bias, with a kernel that is ready to be applied. See `fold_linear` and `fold_norm`."""

    def __init__(self, product: Callable, kernel: tf.Tensor, bias: tf.Tensor | None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.product = product
        self.kernel = constant(self, "kernel", kernel)
        self.bias = None if bias is None else constant(self, "bias", bias)

    def call(self, inputs, training=False):
        refuse_training(training)
        outputs = self.product(inputs, tf.convert_to_tensor(self.kernel))
        return outputs if self.bias is None else outputs + tf.convert_to_tensor(self.bias)


class FoldedNorm(WithoutBuild, tf.keras.layers.Layer):
    """x * scale(condition) + shift(condition). Shapes: x (B,H,W,C), condition as the norm's -> (B,H,W,C)."""

    def __init__(self, scale: FoldedLinear, shift: FoldedLinear, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.scale = scale
        self.shift = shift

    def call(self, x, condition=None, training=False):
        refuse_training(training)
        return affine(x, self.scale(condition), self.shift(condition))


def refuse_training(training: bool) -> None:
    """
    Raises:
      ValueError: if a folded layer is called for training.
    """
    if training:
        raise ValueError("a folded network must be called for inference; received training=True. Train the original.")


def fold_linear(layer: SpectralNorm | KernelLayer, dtype: tf.DType) -> FoldedLinear:
    """Folds a linear layer: W / sigma, by one iteration from the stored u as in inference, ready to be applied.

    dtype: the dtype of maps and therefore of convolutions. Dense layers and tables have float32 or integer inputs.
    """
    kernel, inner = applied_kernel(layer)
    dtype = dtype if kernel.shape.rank == 4 else tf.float32
    bias = inner.applied_bias(dtype) if inner.use_bias else None
    return FoldedLinear(type(inner).product, inner.applied(kernel, dtype), bias)


def fold_norm(norm: BatchNorm | ConditionalBatchNorm) -> FoldedNorm:
    """Folds a norm with moving statistics: gain(c) * (x - mean) * r + bias(c), with r = 1 / sqrt(variance + epsilon).

    gain and bias are affine in the condition c (or constant, or rows of tables), and therefore so are
    scale(c) = gain(c) * r and shift(c) = bias(c) - mean * scale(c), whose kernels and constants are computed here.
    """
    mean, variance = norm.statistics.moving()
    r = tf.math.rsqrt(variance + norm.epsilon)

    def folded(product: Callable, gain: tf.Tensor, bias: tf.Tensor, constants: tuple | None) -> FoldedNorm:
        offsets = (None, None) if constants is None else (constants[0] * r, constants[1] - mean * (constants[0] * r))
        scale = FoldedLinear(product, gain * r, offsets[0])
        return FoldedNorm(scale, FoldedLinear(product, bias - mean * (gain * r), offsets[1]))

    if isinstance(norm, BatchNorm):
        return folded(_unconditional, tf.convert_to_tensor(norm.gain), tf.convert_to_tensor(norm.bias), None)
    (gain, layer), (bias, _) = applied_kernel(norm.gain), applied_kernel(norm.bias)
    return folded(type(layer).product, gain, bias, (1.0, 0.0) if norm.one_centered else None)


def _unconditional(condition, values: tf.Tensor) -> tf.Tensor:
    return values


def applied_kernel(layer: SpectralNorm | KernelLayer) -> tuple[tf.Tensor, KernelLayer]:
    """W / sigma, or W without spectral normalization, in the stored shape; and the linear layer itself."""
    if isinstance(layer, SpectralNorm):
        return layer.normalized_kernel(), layer.layer
    return tf.convert_to_tensor(layer.kernel), layer
