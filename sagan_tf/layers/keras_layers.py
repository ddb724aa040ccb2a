"""Keras' own layers that are linear in one kernel: the layout of the kernel, and the operation with any kernel.

`SpectralNorm` accepts them by exact type, since a subclass may compute anything, and since in tf_keras Conv2DTranspose
and DepthwiseConv2D are subclasses of Conv2D.
"""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from sagan_tf.layers.dtype_policy import as_indices
from sagan_tf.layers.kernel_matrix import Layout

K = tf.keras.layers


@dataclass(frozen=True)
class Operation:
    """How layers of one type use their kernel.

    apply: (layer, inputs, kernel) -> outputs before bias and activation.
    layout: the order of the kernel's last two axes (layers/kernel_matrix.py).
    unsupported: layer -> the setting that is not supported, as text, or None.
    """

    apply: Callable[[tf.keras.layers.Layer, tf.Tensor, tf.Tensor], tf.Tensor]
    layout: Layout
    unsupported: Callable[[tf.keras.layers.Layer], str | None] = lambda layer: None


def operation_of(layer: tf.keras.layers.Layer) -> Operation:
    """The operation of one of Keras' own layers.

    Raises:
      TypeError: if the layer is not linear in one kernel, or has a setting that is not supported.
    """
    operation = OPERATIONS.get(type(layer))
    if operation is None:
        known = ", ".join(kind.__name__ for kind in OPERATIONS)
        raise TypeError(
            "SpectralNorm's layer must be linear in one kernel: one of this package's, or exactly one of Keras' "
            f"{known}; received {type(layer).__name__}.{_advice(layer)}"
        )
    if setting := _activity_regularizer(layer) or operation.unsupported(layer):
        raise TypeError(
            f"SpectralNorm's layer must not have {setting}; received layer={type(layer).__name__}({setting})."
            " Use another setting, or another layer."
        )
    return operation


def kernel_of(layer: tf.keras.layers.Layer):
    """The weight that is normalized: the kernel, or an Embedding's table, which Keras calls embeddings."""
    return layer.embeddings if type(layer) is K.Embedding else layer.kernel


def call_with(layer: tf.keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The layer's outputs, bias and activation included, with `kernel` in place of the stored one."""
    inputs, dtype = tf.convert_to_tensor(inputs), tf.as_dtype(layer.compute_dtype)
    if type(layer) is not K.Embedding:
        inputs = tf.cast(inputs, dtype)
    outputs = OPERATIONS[type(layer)].apply(layer, inputs, tf.cast(kernel, dtype))
    if getattr(layer, "use_bias", False):
        outputs += tf.cast(tf.convert_to_tensor(layer.bias), dtype)
    activation = getattr(layer, "activation", None)
    return outputs if activation is None else activation(outputs)


def _advice(layer: tf.keras.layers.Layer) -> str:
    if type(layer) in (K.DepthwiseConv2D, K.DepthwiseConv1D, K.SeparableConv1D, K.SeparableConv2D):
        return (
            " A depthwise kernel is one small filter per channel, and has no single largest singular value. "
            "Use a Conv2D, with groups if need be."
        )
    if isinstance(layer, tuple(OPERATIONS)):
        return " A subclass may compute something else. Wrap the layer inside it instead."
    return " Wrap the layers inside it instead."


def _convolve(layer: tf.keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A convolution of any rank, with strides, dilation and groups; "causal" pads at the beginning only."""
    padding = layer.padding.upper()
    if padding == "CAUSAL":
        before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
        inputs, padding = tf.pad(inputs, [(0, 0), (before, 0), (0, 0)]), "VALID"
    return tf.nn.convolution(inputs, kernel, strides=layer.strides, padding=padding, dilations=layer.dilation_rate)


def _convolve_transposed(layer: tf.keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A transposed convolution. Output lengths: n * stride ("same"), n * stride + max(k - stride, 0) ("valid")."""
    batch, *sides = tf.unstack(tf.shape(inputs))[:-1]
    shape = [batch]
    for n, k, stride in zip(sides, layer.kernel_size, layer.strides, strict=True):
        shape.append(n * stride + (max(k - stride, 0) if layer.padding == "valid" else 0))
    shape.append(kernel.shape[-2])
    outputs = tf.nn.conv_transpose(inputs, kernel, tf.stack(shape), layer.strides, layer.padding.upper())
    return tf.ensure_shape(outputs, layer.compute_output_shape(inputs.shape))


def _look_up(layer: tf.keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Rows of the table. Indices may be of any integer or floating-point type, as Keras allows."""
    return tf.gather(kernel, as_indices(inputs))


def _activity_regularizer(layer: tf.keras.layers.Layer) -> str | None:
    """Keras computes this loss in the layer's own `__call__`, which is not run."""
    regularizer = getattr(layer, "activity_regularizer", None)
    return None if regularizer is None else f"activity_regularizer={type(regularizer).__name__}"


def _masking(layer: tf.keras.layers.Layer) -> str | None:
    return "mask_zero=True" if layer.mask_zero else None


def _channels_first(layer: tf.keras.layers.Layer) -> str | None:
    return "data_format='channels_first'" if layer.data_format == "channels_first" else None


def _unsupported_in_transposed(layer: tf.keras.layers.Layer) -> str | None:
    if any(rate != 1 for rate in layer.dilation_rate):
        return f"dilation_rate={tuple(layer.dilation_rate)}"
    if layer.output_padding is not None:
        return f"output_padding={layer.output_padding}"
    return _channels_first(layer)


_CONVOLUTION = Operation(_convolve, "in_out", _channels_first)
_TRANSPOSED = Operation(_convolve_transposed, "out_in", _unsupported_in_transposed)
OPERATIONS: dict[type, Operation] = {
    K.Dense: Operation(lambda layer, inputs, kernel: tf.matmul(inputs, kernel), "in_out"),
    K.Conv1D: _CONVOLUTION,
    K.Conv2D: _CONVOLUTION,
    K.Conv3D: _CONVOLUTION,
    K.Conv1DTranspose: _TRANSPOSED,
    K.Conv2DTranspose: _TRANSPOSED,
    K.Conv3DTranspose: _TRANSPOSED,
    K.Embedding: Operation(_look_up, "out_in", _masking),
}
