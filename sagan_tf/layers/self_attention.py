"""Self-attention over image locations (Zhang et al. 2019, section 3)."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.attention_forms import ATTENTION_FORMS, QUERY_DIVISOR, AttentionFormName
from sagan_tf.foundation.choices import check_choice
from sagan_tf.layers.blocked_attention import Blocks, choose_blocks, in_blocks
from sagan_tf.layers.building import build_part
from sagan_tf.layers.convolution import convolution
from sagan_tf.layers.dtype_policy import add_float32_weight, at_least_float32, in_compute_dtype
from sagan_tf.layers.linear import Conv2D
from sagan_tf.layers.platform_algorithms import platform_algorithms
from sagan_tf.layers.serialization import (
    deserialize_initializer,
    fresh_initializer,
    refuse_factories,
    register,
    serialize_initializer,
)
from sagan_tf.layers.shapes import check_axes, lengths
from sagan_tf.layers.spectral_norm import SpectralNorm

Algorithm = Literal["auto", "plain", "blocked"]


def attend(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Eq. 1 and 2: beta_ji = softmax over i of f(x_i) . g(x_j);  o_j = sum over i of beta_ji h(x_i).

    Shapes: query (B,N,K), key (B,M,K), value (B,M,V) -> out (B,N,V), beta (B,N,M). Rows of beta sum to 1.
    There is no 1/sqrt(K). Scores, softmax and sums are float32 (or float64) for inputs of any type; `out` has the
    type of the inputs. 16-bit computation was measured to be slower, because whole maps have to be cast.
    """
    exact = at_least_float32(value.dtype)
    beta = tf.nn.softmax(tf.matmul(tf.cast(query, exact), tf.cast(key, exact), transpose_b=True))  # (B,N,M)
    return tf.cast(tf.matmul(beta, tf.cast(value, exact)), value.dtype), beta


def max_pool(x: tf.Tensor) -> tf.Tensor:
    """2x2 maximum: (B,H,W,C) -> (B,H/2,W/2,C). Not in 16 bits, in which XLA lacks its second gradient (for R1)."""
    return tf.cast(tf.nn.max_pool2d(tf.cast(x, at_least_float32(x.dtype)), 2, 2, "VALID"), x.dtype)


def flatten_locations(x: tf.Tensor) -> tf.Tensor:
    """Flattens the two spatial axes: (B,H,W,C) -> (B,H*W,C)."""
    _, height, width, channels = lengths(x)
    return tf.reshape(x, [-1, height * width, channels])


def _can_be_joined(layer: tf.keras.layers.Layer, x: tf.Tensor) -> bool:
    """Whether the layer is a 1x1 convolution without bias, spectrally normalized or not, that keeps the type of x."""
    inner = layer.layer if type(layer) is SpectralNorm else layer
    plain = type(inner) is Conv2D and inner.size == 1 and not inner.use_bias
    return plain and all(part.compute_dtype in ("float32", x.dtype.name) for part in (layer, inner))


def _kernel_of(layer: Conv2D | SpectralNorm, training: bool) -> tf.Tensor:
    """The kernel that the layer applies."""
    return layer.normalized_kernel(training) if type(layer) is SpectralNorm else tf.convert_to_tensor(layer.kernel)


@register
class SelfAttention(tf.keras.layers.Layer):
    """y = gamma * o + x (eq. 3), with gamma a scalar that starts at zero, so that the layer starts as the identity.

    Dialects: query/key/value/out are the paper's g, f, h, v; BigGAN's theta, phi, g, o. All are 1x1 convolutions
    without bias.

    form    query, key   value   2x2 max-pooled   out        parameters    source
    code    C/8          C/2     key, value       C/2 -> C   5C^2/4 + 1    released SAGAN, BigGAN, TF-GAN: the default
    paper   C/8          C/8     none             C/8 -> C    C^2/2 + 1    PMLR text, section 3
    v1      C/8          C       none             none       5C^2/4 + 1    first arXiv version and its slides

    The text and the released code differ. The author of BigGAN-PyTorch states that the results are those of the code,
    whose pooled keys need a quarter of the memory.

    algorithm: "plain" keeps the whole map beta, "blocked" computes it in blocks of queries and recomputes it in the
      gradient (layers/blocked_attention.py), "auto" chooses by the size of the map. The results are the same.

    spectral_norm: whether the four convolutions are spectrally normalized, as in SAGAN and BigGAN;
      spectral_norm_epsilon: see `SpectralNorm`. kernel_initializer: a Keras initializer for the four convolutions;
      give it no seed, with which query and key would start as the same kernel.
    conv: factory of a 1x1 convolution with so many channels, which replaces the three arguments above. A layer with a
      factory has no `get_config`.

    Shapes: x (B,H,W,C) -> (B,H,W,C). C must be known and a multiple of 8; in the `code` form H and W must be even. H
    and W may be unknown while a graph is traced, unless the algorithm is "blocked".
    `observer`, if set, is called with the x of every pass, from which `attention(x)` computes the map.

    Raises:
      ValueError: for an unknown form or algorithm; when the layer is built, if C, H or W is not as above.
    """

    def __init__(
        self,
        *,
        form: AttentionFormName = "code",
        algorithm: Algorithm = "auto",
        spectral_norm: bool = True,
        spectral_norm_epsilon: float = 1e-12,
        kernel_initializer: Any = "glorot_uniform",
        conv: Callable[[int], tf.keras.layers.Layer] | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        check_choice("SelfAttention", "form", form, ATTENTION_FORMS, hint="SAGAN's code uses 'code'.")
        check_choice("SelfAttention", "algorithm", algorithm, get_args(Algorithm))
        self.form = form
        self.algorithm = algorithm
        self.spectral_norm = spectral_norm
        self.spectral_norm_epsilon = spectral_norm_epsilon
        self.kernel_initializer = deserialize_initializer(kernel_initializer)
        self.observer: Callable[[tf.Tensor], None] | None = None
        self._conv = conv

    def build(self, input_shape):
        check_axes("SelfAttention", "input", input_shape, "(B,H,W,C)")
        _, height, width, channels = input_shape
        odd = any(side is not None and side % 2 for side in (height, width))
        unknown = height is None or width is None
        form = ATTENTION_FORMS[self.form]
        if channels is None or channels % QUERY_DIVISOR or (form.pools and odd):
            raise ValueError(
                "self-attention must have a multiple of 8 channels and, in the 'code' form, even sides; received "
                f"(H,W,C)=({height},{width},{channels}). Choose another width, feature map or form."
            )
        if unknown and self.algorithm == "blocked":
            raise ValueError(
                "algorithm='blocked' must know the map's sides when the layer is built; received "
                f"(H,W,C)=({height},{width},{channels}). Give the input a fixed size, or leave algorithm at 'auto'."
            )
        self.side = height
        make = self._conv or self._make_conv
        self.query, self.key = make(form.query_channels(channels)), make(form.query_channels(channels))
        self.value = make(form.value_channels(channels))
        self.out = make(channels) if form.has_out else None
        self.gamma = add_float32_weight(self, "gamma", (), "zeros")
        for part in (self.query, self.key, self.value):
            build_part(part, input_shape)
        build_part(self.out, (*input_shape[:-1], form.value_channels(channels)))

    def _make_conv(self, channels: int) -> tf.keras.layers.Layer:
        start = fresh_initializer(self.kernel_initializer)
        conv = Conv2D(channels, 1, use_bias=False, kernel_initializer=start, dtype=self.dtype_policy)
        if not self.spectral_norm:
            return conv
        return SpectralNorm(conv, epsilon=self.spectral_norm_epsilon, dtype=self.dtype_policy)

    def call(self, x, training=False):
        x = in_compute_dtype(self, x)
        if self.observer is not None:
            self.observer(x)
        query, key, value = self._query_key_value(x, training)
        blocks = self._blocks(query, key)
        if blocks is None:
            out, _ = attend(query, key, value)
        else:
            out = in_blocks(lambda *inputs: attend(*inputs)[0], query, key, value, blocks)
        return tf.cast(tf.convert_to_tensor(self.gamma), x.dtype) * self._to_map(out, x, training) + x

    def _blocks(self, query: tf.Tensor, key: tf.Tensor) -> Blocks | None:
        """The blocks in which attention is computed, or None for plain attention. Unknown sides allow no blocks."""
        batch, queries, _ = query.shape
        if self.algorithm == "plain" or queries is None or key.shape[1] is None:
            return None
        return choose_blocks(batch, queries, key.shape[1], platform_algorithms(), always=self.algorithm == "blocked")

    def attention(self, x: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """o of eq. 2 (B,H,W,C), and the map beta (B,H*W,M) with M = H*W/4 (`code`) or H*W locations."""
        x = in_compute_dtype(self, x)
        out, beta = attend(*self._query_key_value(x, training))
        return self._to_map(out, x, training), beta

    def _query_key_value(self, x: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Query (B,H*W,.), key and value (B,M,.)."""
        query, key, value = self._projections(x, training)
        return flatten_locations(query), flatten_locations(key), flatten_locations(value)

    def _projections(self, x: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Query (B,H,W,.), key and value, these max-pooled in the `code` form."""
        layers = (self.query, self.key, self.value)
        pools = ATTENTION_FORMS[self.form].pools
        if not (platform_algorithms().joined_projections and all(_can_be_joined(layer, x) for layer in layers)):
            query, key, value = (layer(x, training=training) for layer in layers)
            return query, max_pool(key) if pools else key, max_pool(value) if pools else value
        kernels = [_kernel_of(layer, training) for layer in layers]
        sizes = [kernel.shape[-1] for kernel in kernels]
        together = convolution(x, tf.cast(tf.concat(kernels, -1), x.dtype))
        query, rest = tf.split(together, [sizes[0], sum(sizes[1:])], -1)
        return query, *tf.split(max_pool(rest) if pools else rest, sizes[1:], -1)

    def _to_map(self, out: tf.Tensor, x: tf.Tensor, training: bool) -> tf.Tensor:
        """The attended values (B,H*W,V) as a map of the shape of x, after the last convolution if there is one."""
        out = tf.reshape(out, [-1, *lengths(x)[1:3], out.shape[-1]])  # (B,H,W,V)
        return out if self.out is None else self.out(out, training=training)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        refuse_factories(self, conv=self._conv)
        return {
            **super().get_config(),
            "form": self.form,
            "algorithm": self.algorithm,
            "spectral_norm": self.spectral_norm,
            "spectral_norm_epsilon": self.spectral_norm_epsilon,
            "kernel_initializer": serialize_initializer(self, self.kernel_initializer),
        }
