"""Spectral normalization: W / sigma(W), with sigma found by power iteration (Miyato et al. 2018)."""

import math

import tensorflow as tf

from sagan_tf.layers import keras_layers
from sagan_tf.layers.building import build_part
from sagan_tf.layers.dtype_policy import add_float32_weight, in_compute_dtype
from sagan_tf.layers.initializers import standard_normal
from sagan_tf.layers.kernel_matrix import Layout, as_kernel, as_matrix
from sagan_tf.layers.linear import Embedding, KernelLayer
from sagan_tf.layers.serialization import deserialize_layer, register, serialize_layer

# A kernel counts as large if it has so many entries per output channel and location of the map: 3x3 from 512 channels
# on at 16x16, everything at 8x8 and 4x4. From about there on, dividing the product was measured to be faster at
# SAGAN's batch sizes.
KERNEL_IS_LARGE = 16


def normalize(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    """x / max(|x|, epsilon)."""
    return x / tf.maximum(tf.sqrt(tf.reduce_sum(x * x)), epsilon)


def power_iteration(matrix: tf.Tensor, u: tf.Tensor, epsilon: float = 1e-12) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One step of the power method (Miyato et al. 2018, Algorithm 1): v <- W u / |W u|, u <- W^T v / |W^T v|.

    Shapes: matrix (I,O), u (O,) -> sigma = v^T W u, a scalar, the new u (O,), and v (I,).
    No gradient flows through u and v, so that d sigma / d W = v u^T. The released SAGAN code differentiates through
    them (1% of the gradient at the first step, under 1e-4 once u has converged); the paper's derivation, SNGAN and
    BigGAN-PyTorch do not, and this function follows them.
    """
    sigma, u, v = _iterated(matrix, tf.expand_dims(u, 1), epsilon)
    return sigma, tf.squeeze(u, 1), tf.squeeze(v, 1)


def _iterated(matrix: tf.Tensor, u: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`power_iteration` of columns: matrix (I,O), u (O,1) -> sigma, the new u (O,1), and v (I,1).

    A step traces this twice for every kernel, so it uses as few operations as possible.
    """
    epsilon = tf.constant(epsilon, matrix.dtype)
    v = tf.stop_gradient(normalize(tf.matmul(matrix, u), epsilon))
    product = tf.matmul(matrix, v, transpose_a=True)
    u = tf.stop_gradient(normalize(product, epsilon))
    return tf.reduce_sum(product * u), u, v


@register
class SpectralNorm(tf.keras.layers.Layer):
    """Wraps a layer and divides its kernel by the kernel's largest singular value (Miyato et al. 2018, eq. 8).

    If the kernel is large compared with the map, the product is divided by sigma instead of the kernel, which is equal
    and moves less memory (except in float16, whose range the undivided product could exceed).

    ```
    SpectralNorm(tf.keras.layers.Conv2D(64, 3, padding="same"))
    SpectralNorm(sagan_tf.layers.Dense(10))
    ```

    layer: one of this package's (`Conv2D`, `Dense`, `Embedding`, the resampling convolutions) or exactly one of Keras'
      own Dense, Embedding, Conv1D/2D/3D and their transposes (layers/keras_layers.py). Its kernel remains the trainable
      weight; only what is applied is normalized, so that the gradient includes that of sigma. The bias is unchanged.
    epsilon: the lower bound of the norms by which power iteration divides.

    sigma is the largest singular value of the kernel as a matrix (rest, out): (k*k*I,O) for a convolution, a transposed
    or a grouped one included. This is Miyato et al.'s matrix, not the convolution's own operator norm.

    `u` (O,) is the vector on the output side, as in SNGAN, SAGAN and BigGAN-PyTorch; for a table of classes it is
    (n_classes,), as in the same three, for which the table's rows are outputs. It is stored when
    `training=True`; in inference sigma comes from one iteration from the stored u, whose result is not stored
    (BigGAN does the same; the released SAGAN code stores it in inference as well). sigma is computed in float32 and the
    kernel divided by sigma itself, not by max(1, sigma) as TF-GAN does.

    Raises:
      TypeError: if the layer is not linear in one kernel, or has a setting that is not supported (channels_first;
        transposed convolutions with dilation or output padding; an Embedding with a mask; an activity regularizer), or
        overrides `call`.
      ValueError: if epsilon is not positive.
    """

    def __init__(self, layer: tf.keras.layers.Layer, *, epsilon: float = 1e-12, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be positive; received epsilon={epsilon!r}. SAGAN uses 1e-12, BigGAN 1e-4.")
        layer = deserialize_layer(layer)
        if not isinstance(layer, KernelLayer):
            keras_layers.operation_of(layer)
        elif type(layer).call is not KernelLayer.call:
            raise TypeError(
                "SpectralNorm's layer must compute product(inputs, applied(kernel)) + bias; received "
                f"{type(layer).__name__}, whose own `call` would not be run. Wrap the layer inside it instead."
            )
        self.layer = layer
        self.epsilon = epsilon

    def build(self, input_shape):
        build_part(self.layer, input_shape)
        outputs = as_matrix(self._kernel(), self._layout).shape[-1:]
        self.u = add_float32_weight(self, "u", outputs, standard_normal, trainable=False)

    def call(self, inputs, training=False):
        kernel, sigma, u = self._iterate()
        if training:
            self.u.assign(u)
        if not isinstance(self.layer, KernelLayer):
            return keras_layers.call_with(self.layer, inputs, kernel / sigma)
        inputs = in_compute_dtype(self, inputs, labels=self.layer.takes_labels)
        if _divides_product(inputs, kernel):
            return self.layer.apply_kernel(inputs, kernel, 1.0 / sigma)
        return self.layer.apply_kernel(inputs, kernel / sigma)

    def normalized_kernel(self, training: bool = False) -> tf.Tensor:
        """W / sigma in the kernel's own shape. training: whether the new u is stored, as in a call."""
        kernel, sigma, u = self._iterate()
        if training:
            self.u.assign(u)
        return kernel / sigma

    def _iterate(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The kernel, its sigma, and the u after one iteration from the stored one.

        The gradient of sigma is kept as two vectors until the rest of the kernel's gradient, to which it is added, is
        complete.
        """
        stored, layout = tf.convert_to_tensor(self.u), self._layout

        @tf.custom_gradient
        def iterated(kernel):
            sigma, u, v = _iterated(as_matrix(kernel, layout), tf.expand_dims(stored, 1), self.epsilon)

            def gradient(d_kernel, d_sigma, _):
                with tf.control_dependencies([d_kernel]):
                    d_matrix = tf.matmul(v * d_sigma, u, transpose_b=True)
                return d_kernel + as_kernel(d_matrix, kernel.shape, layout)

            return (tf.identity(kernel), sigma, tf.squeeze(u, 1)), gradient

        return iterated(self._kernel())

    def _kernel(self) -> tf.Tensor:
        """The stored kernel, float32."""
        if isinstance(self.layer, KernelLayer):
            return tf.convert_to_tensor(self.layer.kernel)
        return tf.cast(tf.convert_to_tensor(keras_layers.kernel_of(self.layer)), tf.float32)

    @property
    def _layout(self) -> Layout:
        if isinstance(self.layer, KernelLayer):
            return "out_in" if isinstance(self.layer, Embedding) else "in_out"
        return keras_layers.operation_of(self.layer).layout

    def compute_output_shape(self, input_shape):
        return tuple(self.layer.compute_output_shape(input_shape))

    def get_config(self):
        return {**super().get_config(), "layer": serialize_layer(self.layer), "epsilon": self.epsilon}


def _divides_product(inputs: tf.Tensor, kernel: tf.Tensor) -> bool:
    """Whether the kernel is large compared with the map. Unknown sides (while tracing) count as no."""
    if None in inputs.shape[1:-1]:
        return False
    locations = math.prod(inputs.shape[1:-1])  # per image; 1 for vectors and labels
    entries = math.prod(kernel.shape[:-1])  # per output channel
    return inputs.dtype != tf.float16 and entries >= KERNEL_IS_LARGE * locations
