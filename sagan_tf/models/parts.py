"""Factories of the layers that blocks consist of: convolutions, dense layers, tables and norms, from a description."""

from dataclasses import dataclass
from typing import Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.layers import initializers
from sagan_tf.layers.batch_norm import BatchNorm
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.linear import Conv2D, Dense, Embedding, FirstChannelsConv2D
from sagan_tf.layers.resampling import ConvDownsample2D, UpsampleConv2D
from sagan_tf.layers.self_attention import Algorithm as AttentionAlgorithm
from sagan_tf.layers.self_attention import SelfAttention
from sagan_tf.layers.spectral_norm import SpectralNorm
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.blocks import MatchedResidual
from sagan_tf.models.spec import GANSpec

Layer = tf.keras.layers.Layer
Precision = Literal["float32", "bfloat16", "float16"]
Resampling = Literal["auto", "plain", "fused"]


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """How the networks are computed. Checkpoints are compatible across all choices.

    precision: "float32", or "bfloat16" or "float16" for activations and products. Weights, spectral norms, statistics,
      softmax, heads and losses are always float32. Training in float16 scales its losses.
    resampling: algorithm of the convolutions next to up- and downsampling: "fused", "plain", or "auto", which chooses
      by the size of the map.
    attention: "plain" keeps the whole attention map; "blocked" computes it in blocks of queries and recomputes it in
      the gradient; "auto" chooses by the size of the map.

    Raises:
      ValueError: for any other name.
    """

    precision: Precision = "float32"
    resampling: Resampling = "auto"
    attention: AttentionAlgorithm = "auto"

    def __post_init__(self):
        for name, kind in (("precision", Precision), ("resampling", Resampling), ("attention", AttentionAlgorithm)):
            check_choice("Numerics", name, getattr(self, name), get_args(kind))

    @property
    def dtype(self) -> tf.DType:
        return tf.as_dtype(self.precision)


# The initializers of a network are numbered; these are the first numbers of each kind. Those of kernels begin at 0.
_TABLES, _DENSE, _BIASES = 1 << 20, 2 << 20, 3 << 20


class Parts:
    """Makes the layers of one network, with seeded initial kernels, and spectrally normalized if the network is."""

    def __init__(self, spec: GANSpec, numerics: Numerics, *, spectral_norm: bool, seed: int | None):
        self._spec = spec
        self._numerics = numerics
        self._spectral_norm = spectral_norm
        self._seed = seed
        self._initializers = initializers.seeded(spec.initializer, seed)
        name = "normal" if spec.table_initializer == "constant" else spec.table_initializer
        self._table_initializers = initializers.seeded(name, seed, first=_TABLES)

    def _normalized(self, layer: Layer) -> Layer:
        return SpectralNorm(layer, epsilon=self._spec.spectral_norm_epsilon) if self._spectral_norm else layer

    def conv(self, channels: int, size: int = 3, resample: Literal["up", "down"] | None = None, use_bias: bool = True):
        """A convolution of a block, alone or after upsampling or before downsampling."""
        gain = self._spec.convolution_gain if size == 3 else 1.0
        return self._conv(channels, size, resample, use_bias, gain)

    def to_rgb(self) -> Layer:
        """The last convolution of G, 3x3 to three channels; `convolution_gain` does not apply to its initial kernel.

        If it is wide, only the channels of the image are computed, while the kernel and its spectral norm include all.
        """
        if not self._spec.wide_rgb:
            return self._conv(3, 3, None, True, 1.0)
        kernel_initializer = next(self._initializers)
        return self._normalized(
            FirstChannelsConv2D(self._spec.rgb_channels, used=3, kernel_initializer=kernel_initializer)
        )

    def stem(self, channels: int) -> Layer:
        """The convolution from the image to the features that D's bottlenecks take."""
        return self._conv(channels, 3, None, True, 1.0)

    def _conv(self, channels: int, size: int, resample: str | None, use_bias: bool, gain: float) -> Layer:
        kernel_initializer = initializers.scaled(next(self._initializers), gain)
        options = {"use_bias": use_bias, "kernel_initializer": kernel_initializer}
        if resample == "up":
            return self._normalized(UpsampleConv2D(channels, form=self._numerics.resampling, **options))
        if resample == "down":
            return self._normalized(ConvDownsample2D(channels, form=self._numerics.resampling, **options))
        return self._normalized(Conv2D(channels, size, **options))

    def dense(self, units: int, use_bias: bool = True) -> Layer:
        return self._normalized(Dense(units, use_bias=use_bias, kernel_initializer=next(self._initializers)))

    def first_dense(self, units: int) -> Layer:
        """The first layer of G, whose kernel may have an initializer of its own."""
        kernel_initializer = next(self._initializers)
        if self._spec.dense_initializer is not None:
            kernel_initializer = next(initializers.seeded(self._spec.dense_initializer, self._seed, first=_DENSE))
        return self._normalized(Dense(units, kernel_initializer=kernel_initializer))

    def embedding(self, units: int) -> Layer:
        table = Embedding(self._spec.n_classes, units, kernel_initializer=next(self._initializers))
        return self._normalized(table)

    def shared_embedding(self) -> Layer:
        """The class embedding that all conditional norms share (BigGAN); it is never spectrally normalized."""
        return Embedding(self._spec.n_classes, self._spec.shared_dim, kernel_initializer=next(self._initializers))

    def norm(self, channels: int) -> Layer:
        """A norm of a G block: conditional by class tables or by linear maps of the condition, or unconditional."""
        spec = self._spec
        constants = {
            "decay": spec.norm_decay,
            "epsilon": spec.norm_epsilon,
            "cross_replica": spec.cross_replica_norm,
            "inference": spec.inference_statistics,
        }
        if spec.conditioning == "none":
            return BatchNorm(**constants)
        if spec.conditioning == "shared":
            gain, bias = self.dense(channels, use_bias=False), self.dense(channels, use_bias=False)
            return ConditionalBatchNorm(gain=gain, bias=bias, one_centered=True, **constants)
        gain_initializer, bias_initializer = "ones", "zeros"
        if spec.table_initializer != "constant":
            gain_initializer = initializers.shifted(1.0, next(self._table_initializers))
            bias_initializer = next(self._table_initializers)
        gain = Embedding(spec.n_classes, channels, kernel_initializer=gain_initializer)
        bias = Embedding(spec.n_classes, channels, kernel_initializer=bias_initializer)
        return ConditionalBatchNorm(gain=gain, bias=bias, **constants)

    def final_norm(self) -> Layer:
        """The unconditional norm before G's last convolution."""
        spec = self._spec
        return BatchNorm(
            decay=spec.final_norm_decay,
            epsilon=spec.final_norm_epsilon,
            cross_replica=spec.cross_replica_norm,
            inference=spec.inference_statistics,
        )

    def long_range(self, channels: int) -> Layer:
        """Self-attention, or SAGAN Table 1's residual block in its place."""
        if self._spec.long_range == "residual":
            return MatchedResidual(channels, conv=self.conv)
        return SelfAttention(
            conv=lambda outputs: self.conv(outputs, size=1, use_bias=False),
            form=self._spec.attention_form,
            algorithm=self._numerics.attention,
        )

    def initialize_biases(self, network: tf.keras.Model) -> None:
        """Initializes the biases of a built network's dense layers and convolutions; until then they are zero.

        The class biases of norms follow `table_initializer`, and the bias of the last norm stays zero.
        """
        if self._seed is None or self._spec.bias_initializer == "zeros":
            return
        variables = named_variables(network)
        layers = [name.removesuffix(".bias") for name in variables if name.endswith(".bias")]
        shapes = {name: variables[f"{name}.kernel"].shape for name in layers if f"{name}.kernel" in variables}
        for name, values in initializers.torch_biases(shapes, self._seed, first=_BIASES).items():
            variables[f"{name}.bias"].assign(values)
