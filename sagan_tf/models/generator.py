"""The generator, from a latent vector z and a label y to an image."""

import itertools
import re

import tensorflow as tf

from sagan_tf.layers.building import WithoutBuild
from sagan_tf.layers.dtype_policy import float32_policy
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.blocks import GBlock, GBottleneck
from sagan_tf.models.parts import Numerics, Parts
from sagan_tf.models.precision import check_precision
from sagan_tf.models.spec import GANSpec


class Generator(WithoutBuild, tf.keras.Model):
    """dense -> 4x4 -> blocks, attention after those that the description names -> norm, ReLU, conv3x3, tanh.

    Shapes: z (B,z_dim) float32, y (B,) int32 -> images (B,R,R,3) float32 in [-1,1].
    All variables exist after construction, with initial values that depend on (spec, seed) alone. With seed=None the
    kernels are zeros, to be replaced by those of a checkpoint.

    gray: for data of gray images, whose three channels are equal. In inference, G's images then have the mean of its
    channels in all three of them, which is the nearest gray image. Training is unchanged, so that D sees the colors in
    fakes as long as there are any.

    Hierarchical z (BigGAN, Fig. 15a): the first chunk feeds the dense layer and chunk i+1 feeds block i, concatenated
    with the shared embedding. BigGAN-deep does not split z: the dense layer and all norms receive both whole. The order
    is [embedding, z] in BigGAN-PyTorch and [z, embedding] in DeepMind's modules (`GANSpec.condition_order`).
    """

    @float32_policy()
    def __init__(
        self, spec: GANSpec, *, numerics: Numerics | None = None, seed: int | None = 0, name: str = "generator"
    ):
        super().__init__(name=name)
        self.spec = spec
        self.gray = False
        self.numerics = numerics or Numerics()
        check_precision(self.numerics.precision, trains=False)
        parts = Parts(spec, self.numerics, spectral_norm=spec.spectral_norm_g, seed=seed)
        channels = spec.generator_channels
        self.shared = parts.shared_embedding() if spec.conditioning == "shared" else None
        self.dense = parts.first_dense(16 * channels[0])
        self.blocks = make_blocks(spec, parts)
        attends = spec.generator_attends
        self.long_range = [parts.long_range(c) if a else None for c, a in zip(channels[1:], attends, strict=True)]
        self.final_norm = parts.final_norm()
        self.to_rgb = parts.to_rgb()
        self(tf.zeros([1, spec.z_dim]), tf.zeros([1], tf.int32))
        parts.initialize_biases(self)

    def call(self, z, y, training=False):
        dense_input, conditions = self.conditions(z, y, training)
        h = self.dense(dense_input, training=training)
        h = tf.reshape(tf.cast(h, self.numerics.dtype), [-1, 4, 4, self.spec.generator_channels[0]])  # (B,4,4,C)
        for block, long_range, condition in zip(self.blocks, self.long_range, conditions, strict=True):
            h = block(h, condition, training=training)
            h = h if long_range is None else long_range(h, training=training)
        h = tf.nn.relu(self.final_norm(h, training=training))
        images = tf.tanh(tf.cast(self.to_rgb(h, training=training), tf.float32))
        return grayed(images) if self.gray and not training else images

    def conditions(self, z: tf.Tensor, y: tf.Tensor, training: bool) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """What the dense layer receives, and the condition of each block's norms: y itself (B,), or a vector (B,K)."""
        count = len(self.blocks)
        if self.shared is None:
            return z, [y] * count
        embedded = self.shared(y, training=training)
        if self.spec.condition_includes_z:
            whole = self._condition(embedded, z)
            return whole, [whole] * count
        if not self.spec.hierarchical:
            return z, [embedded] * count
        first, *chunks = tf.split(z, count + 1, axis=-1)
        return first, [self._condition(embedded, chunk) for chunk in chunks]

    def _condition(self, embedded: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        """The embedding and (a chunk of) z as one vector."""
        return tf.concat([embedded, z] if self.spec.condition_order == "embedding_z" else [z, embedded], -1)


def make_blocks(spec: GANSpec, parts: Parts) -> list[tf.keras.layers.Layer]:
    """The residual blocks that the description names."""
    channels = spec.generator_channels
    if spec.block == "basic":
        return [GBlock(a, b, conv=parts.conv, norm=parts.norm) for a, b in itertools.pairwise(channels)]
    columns = zip(channels, channels[1:], spec.generator_hidden, spec.generator_upsamples, strict=False)
    return [
        GBottleneck(inputs, outputs, hidden=hidden, upsamples=upsamples, conv=parts.conv, norm=parts.norm)
        for inputs, outputs, hidden, upsamples in columns
    ]


def grayed(images: tf.Tensor) -> tf.Tensor:
    """The mean of the three channels in each of them. Shapes: (...,3) -> (...,3)."""
    return tf.repeat(tf.reduce_mean(images, -1, keepdims=True), 3, -1)


def filters(generator: Generator) -> dict[str, tf.Variable]:
    """The kernels of G that orthogonal regularization applies to: of dense layers, convolutions, attention, and the
    linear maps of conditional norms; not class tables (the shared embedding, or a norm's own), biases or gains."""
    tables = r"^shared\." if generator.spec.conditioning == "shared" else r"norm_\d\.(gain|bias)\."
    kernels = {n: v for n, v in named_variables(generator).items() if n.endswith(".kernel")}
    return {n: v for n, v in kernels.items() if not re.search(tables, n)}
