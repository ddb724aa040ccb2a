"""Layers that are linear in their kernel: each computes `product(inputs, applied(kernel)) + bias`.

The kernel is an argument of these functions, so that a wrapper (spectral normalization) or another algebraic form (the
fused resampling convolutions) can stand between the stored kernel and its use. `applied` depends on the kernel alone,
so that inference computes it once. The dtype of the inputs decides the dtype of the arithmetic: kernels are stored in
float32 and cast to it (layers/dtype_policy.py).

Shapes: B images per batch, H and W the sides of a map, I the input channels or length.
"""

from typing import Any

import tensorflow as tf

from sagan_tf.layers.convolution import convolution
from sagan_tf.layers.dtype_policy import add_float32_weight, as_indices, in_compute_dtype
from sagan_tf.layers.serialization import deserialize_initializer, register, serialize_initializer
from sagan_tf.layers.shapes import check_axes


class KernelLayer(tf.keras.layers.Layer):
    """Base class of layers with a kernel and an optional bias; subclasses define the operation on inputs and kernel.

    kernel_initializer: a Keras initializer or its name; the bias starts at zero.
    takes_labels: whether integer inputs are labels. Otherwise they are numbers, and cast to the layer's compute dtype.
    """

    takes_labels = False

    def __init__(self, *, use_bias: bool, kernel_initializer: Any, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.use_bias = use_bias
        self.kernel_initializer = deserialize_initializer(kernel_initializer)

    def add_kernel(self, shape: tuple[int, ...]) -> None:
        """Creates the kernel, and the bias if there is one, in `build`."""
        self.kernel = add_float32_weight(self, "kernel", shape, self.kernel_initializer)
        if self.use_bias:
            self.bias = add_float32_weight(self, "bias", shape[-1:], "zeros")

    def applied(self, kernel: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """Converts a kernel of the stored shape to the form that `product` takes."""
        return tf.cast(kernel, dtype)

    def applied_bias(self, dtype: tf.DType) -> tf.Tensor:
        """The bias that is added to the outputs of `product`."""
        return tf.cast(tf.convert_to_tensor(self.bias), dtype)

    @staticmethod
    def product(inputs: tf.Tensor, applied: tf.Tensor) -> tf.Tensor:
        """The outputs without bias, from inputs and an `applied` kernel."""
        raise NotImplementedError

    def apply_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor, scale: tf.Tensor | None = None) -> tf.Tensor:
        """The outputs for any kernel of the stored shape, or for kernel * scale (a scalar).

        The scale multiplies the product rather than the kernel. This and the addition of the bias are done in the
        dtype of the scale.
        """
        inputs = in_compute_dtype(self, inputs, labels=self.takes_labels)
        outputs = self.product(inputs, self.applied(kernel, inputs.dtype))
        dtype = outputs.dtype
        if scale is not None:
            outputs = tf.cast(outputs, scale.dtype) * scale
        if self.use_bias:
            outputs += self.applied_bias(outputs.dtype)
        return in_compute_dtype(self, tf.cast(outputs, dtype))

    def call(self, inputs, training=False):
        return self.apply_kernel(inputs, tf.convert_to_tensor(self.kernel))

    def get_config(self):
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "kernel_initializer": serialize_initializer(self, self.kernel_initializer),
        }


@register
class Dense(KernelLayer):
    """x W + b. Shapes: x (B,I), kernel (I,units) -> (B,units)."""

    def __init__(self, units: int, *, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform", **kwargs):
        super().__init__(use_bias=use_bias, kernel_initializer=kernel_initializer, **kwargs)
        self.units = units

    def build(self, input_shape):
        self.add_kernel((input_shape[-1], self.units))

    @staticmethod
    def product(inputs, applied):
        return tf.matmul(inputs, applied)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class Conv2D(KernelLayer):
    """Convolution, stride 1, SAME. Shapes: x (B,H,W,I), kernel (k,k,I,channels) -> (B,H,W,channels)."""

    def __init__(
        self,
        channels: int,
        size: int = 3,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs,
    ):
        super().__init__(use_bias=use_bias, kernel_initializer=kernel_initializer, **kwargs)
        self.channels = channels
        self.size = size

    def build(self, input_shape):
        check_axes(type(self).__name__, "input", input_shape, "(B,H,W,C)")
        self.add_kernel((self.size, self.size, input_shape[-1], self.channels))

    @staticmethod
    def product(inputs, applied):
        return convolution(inputs, applied)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.channels)

    def get_config(self):
        return {**super().get_config(), "channels": self.channels, "size": self.size}


@register
class FirstChannelsConv2D(Conv2D):
    """Convolution of which only the first `used` output channels are computed.

    BigGAN-deep's published generators have as many outputs in their last convolution as inputs and take three of them
    as the image. All channels of the kernel count for its spectral norm.

    Shapes: x (B,H,W,I), kernel (k,k,I,channels) -> (B,H,W,used).
    """

    def __init__(self, channels: int, size: int = 3, *, used: int, **kwargs):
        super().__init__(channels, size, **kwargs)
        self.used = used

    def applied(self, kernel, dtype):
        return tf.cast(kernel[..., : self.used], dtype)

    def applied_bias(self, dtype):
        return super().applied_bias(dtype)[: self.used]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.used)

    def get_config(self):
        return {**super().get_config(), "used": self.used}


@register
class Embedding(KernelLayer):
    """Row y of a table. Shapes: y integers (B,), kernel (n_classes,units) -> (B,units).

    A float y (B,n_classes) holds weights of the classes and gives the weighted sum of their rows.

    Labels outside [0, n_classes) are refused where they enter (data, sampling), because XLA clamps them silently.
    """

    takes_labels = True

    def __init__(self, n_classes: int, units: int, *, kernel_initializer: Any = "glorot_uniform", **kwargs):
        super().__init__(use_bias=False, kernel_initializer=kernel_initializer, **kwargs)
        self.n_classes = n_classes
        self.units = units

    def build(self, input_shape):
        self.add_kernel((self.n_classes, self.units))

    def applied(self, kernel, dtype):
        return kernel

    @staticmethod
    def product(inputs, applied):
        if inputs.dtype.is_floating:
            hint = "Labels must be integers, such as those of tf.keras.Input((), dtype='int32')."
            check_axes("Embedding", "floating-point input", inputs.shape, "(B,n_classes)", hint=hint)
            return tf.matmul(tf.cast(inputs, applied.dtype), applied)
        return tf.gather(applied, as_indices(inputs))

    def compute_output_shape(self, input_shape):
        weighs = len(input_shape) == 2 and input_shape[1] == self.n_classes  # else more axes are axes of labels
        return (*(input_shape[:1] if weighs else input_shape), self.units)

    def get_config(self):
        config = {**super().get_config(), "n_classes": self.n_classes, "units": self.units}
        del config["use_bias"]  # a table never has one
        return config
