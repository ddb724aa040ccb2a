"""Spectral normalization: W / sigma(W), with sigma by power iteration (Miyato et al. 2018)."""

import math

import tensorflow as tf

from sagan_tf.layers.initializers import standard_normal
from sagan_tf.layers.linear import Embedding, KernelLayer

# A kernel counts as large with so many entries a channel for each location of the map: 3x3 from 512 channels on at
# 16x16, everything at 8x8 and 4x4. From about there dividing the product was measured faster at SAGAN's batches.
KERNEL_IS_LARGE = 16


def as_matrix(kernel: tf.Tensor) -> tf.Tensor:
    """A kernel as [rest, out]: convolutions (k,k,I,O) -> (k*k*I,O); matrices and tables stay as they are."""
    return tf.reshape(kernel, [-1, kernel.shape[-1]])


def normalize(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    """x / max(|x|, epsilon)."""
    return x / tf.maximum(tf.norm(x), epsilon)


def power_iteration(matrix: tf.Tensor, u: tf.Tensor, epsilon: float = 1e-12) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One step of the power method (Miyato et al. 2018, Algorithm 1): v <- W u / |W u|, u <- W^T v / |W^T v|.

    Shapes: matrix (I,O), u (O,) -> sigma = v^T W u, a scalar, the new u (O,), and v (I,).
    No gradient flows through u and v, so that d sigma / d W = v u^T. The released SAGAN code differentiates through
    them (1% of the gradient at the first step, under 1e-4 once u has converged); the paper's derivation, SNGAN and
    BigGAN-PyTorch do not, and they are followed.
    """
    v = tf.stop_gradient(normalize(tf.linalg.matvec(matrix, u), epsilon))
    product = tf.linalg.matvec(matrix, v, transpose_a=True)
    u = tf.stop_gradient(normalize(product, epsilon))
    return tf.reduce_sum(product * u), u, v


class SpectralNorm(tf.keras.layers.Layer):
    """Wraps a layer and divides its kernel by the kernel's largest singular value (Miyato et al. 2018, eq. 8).

    A kernel that is large beside the map it is applied to stays whole: the product is divided by sigma in its place,
    which is the same and moves less memory (not in float16, whose range the undivided product could leave).

    The layer is one of ours (`Conv2D`, `Dense`, `Embedding`, the resampling convolutions) or Keras' own Conv1D/2D/3D,
    Dense or Embedding. Its kernel stays the trainable weight; only what is applied is normalized, so that the gradient
    includes sigma's. The bias is left alone.

    `u` (O,) is kept on the side of the outputs, as in SNGAN, SAGAN and BigGAN-PyTorch; for a table of classes it is
    (n_classes,), as in the same three, which take the table's rows for outputs. It is stored when
    `training=True`; in inference sigma comes from one fresh iteration on the stored u, which is not written back
    (BigGAN does the same; the released SAGAN code stores it in inference too). sigma is computed in float32 and the
    kernel divided by sigma itself, not by max(1, sigma) as TF-GAN does.

    Raises:
      TypeError: if the layer is not linear in one kernel.
      ValueError: if epsilon is not positive.
    """

    def __init__(self, layer: tf.keras.layers.Layer, *, epsilon: float = 1e-12, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be positive; received epsilon={epsilon!r}. SAGAN uses 1e-12, BigGAN 1e-4.")
        if not isinstance(layer, KernelLayer | KERAS_LAYERS):
            raise TypeError(
                "SpectralNorm's layer must be linear in one kernel (a convolution, Dense or Embedding); "
                f"received {type(layer).__name__}. Wrap the layers inside it instead."
            )
        self.layer = layer
        self.epsilon = epsilon

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.u = self.add_weight(
            name="u",
            shape=self._matrix(tf.convert_to_tensor(kernel_of(self.layer))).shape[-1:],
            initializer=standard_normal,
            trainable=False,
        )

    def call(self, inputs, training=False):
        kernel, sigma, u = self._iterate()
        if training:
            self.u.assign(u)
        if isinstance(self.layer, KernelLayer) and _divides_product(inputs, kernel):
            return self.layer.apply_kernel(inputs, kernel, 1.0 / sigma)
        return apply_kernel(self.layer, inputs, kernel / sigma)

    def normalized_kernel(self) -> tf.Tensor:
        """W / sigma in the kernel's own shape."""
        kernel, sigma, _ = self._iterate()
        return kernel / sigma

    def _iterate(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The kernel, its sigma, and the u that one iteration from the stored one gives.

        sigma's own gradient is added to the kernel's other gradient once that is there: until then it is two vectors.
        """
        stored = tf.convert_to_tensor(self.u)

        @tf.custom_gradient
        def iterated(kernel):
            sigma, u, v = power_iteration(self._matrix(kernel), stored, self.epsilon)

            def gradient(d_kernel, d_sigma, _):
                with tf.control_dependencies([d_kernel]):
                    d_matrix = tf.matmul(v[:, None] * d_sigma, u[None, :])
                return d_kernel + tf.reshape(self._matrix(d_matrix), kernel.shape)

            return (tf.identity(kernel), sigma, u), gradient

        return iterated(tf.convert_to_tensor(kernel_of(self.layer)))

    def _matrix(self, kernel: tf.Tensor) -> tf.Tensor:
        return tf.transpose(kernel) if isinstance(self.layer, TABLES) else as_matrix(kernel)


def _divides_product(inputs: tf.Tensor, kernel: tf.Tensor) -> bool:
    locations = math.prod(inputs.shape[1:-1])  # of an image's map; 1 for vectors and labels
    entries = math.prod(kernel.shape[:-1])  # of the kernel, for each output channel
    return inputs.dtype != tf.float16 and entries >= KERNEL_IS_LARGE * locations


TABLES = Embedding | tf.keras.layers.Embedding
KERAS_LAYERS = (
    tf.keras.layers.Conv1D
    | tf.keras.layers.Conv2D
    | tf.keras.layers.Conv3D
    | tf.keras.layers.Dense
    | tf.keras.layers.Embedding
)


def kernel_of(layer: tf.keras.layers.Layer):
    """The weight that is normalized: the kernel, or Keras' name for a table."""
    return layer.embeddings if isinstance(layer, tf.keras.layers.Embedding) else layer.kernel


def apply_kernel(layer: tf.keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The layer's own operation with the given kernel in place of the stored one."""
    if isinstance(layer, KernelLayer):
        return layer.apply_kernel(inputs, kernel)
    if isinstance(layer, tf.keras.layers.Embedding):
        return tf.gather(kernel, inputs)
    dense = isinstance(layer, tf.keras.layers.Dense)
    outputs = tf.matmul(inputs, kernel) if dense else layer.convolution_op(inputs, kernel)
    outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias)) if layer.use_bias else outputs
    return layer.activation(outputs) if layer.activation is not None else outputs
