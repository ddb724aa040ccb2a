"""The generator, from a latent vector z and a label y to an image."""

import itertools
import re

import tensorflow as tf

from sagan_tf.layers.building import WithoutBuild
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.blocks import GBlock
from sagan_tf.models.parts import Numerics, Parts
from sagan_tf.models.precision import check_precision
from sagan_tf.models.spec import GANSpec


class Generator(WithoutBuild, tf.keras.Model):
    """dense -> 4x4 -> up blocks, attention after the sizes named in the description -> norm, ReLU, conv3x3, tanh.

    Shapes: z (B,z_dim) float32, y (B,) int32 -> images (B,R,R,3) float32 in [-1,1].
    All variables exist after construction, with initial values that depend on (spec, seed) alone. With seed=None the
    kernels are zeros, to be replaced by those of a checkpoint.

    Hierarchical z (BigGAN, Fig. 15a): the first chunk feeds the dense layer and chunk i+1 feeds block i, concatenated
    after the shared embedding as [embedding, chunk] (BigGAN-PyTorch's order; TF-Hub's is [chunk, embedding]).
    """

    def __init__(
        self, spec: GANSpec, *, numerics: Numerics | None = None, seed: int | None = 0, name: str = "generator"
    ):
        super().__init__(name=name)
        self.spec = spec
        self.numerics = numerics or Numerics()
        check_precision(self.numerics.precision, trains=False)
        parts = Parts(spec, self.numerics, spectral_norm=spec.spectral_norm_g, seed=seed)
        channels, sizes = spec.generator_channels, spec.generator_sizes
        self.shared = parts.shared_embedding() if spec.conditioning == "shared" else None
        self.dense = parts.first_dense(16 * channels[0])
        self.blocks = [GBlock(a, b, conv=parts.conv, norm=parts.norm) for a, b in itertools.pairwise(channels)]
        attends = spec.attends_after(sizes, spec.attention_g)
        self.long_range = [parts.long_range(c) if a else None for c, a in zip(channels[1:], attends, strict=True)]
        self.final_norm = parts.final_norm()
        self.to_rgb = parts.to_rgb()
        self(tf.zeros([1, spec.z_dim]), tf.zeros([1], tf.int32))
        parts.initialize_biases(self)

    def call(self, z, y, training=False):
        chunks = tf.split(z, len(self.blocks) + 1, axis=-1) if self.spec.hierarchical else [z]
        conditions = self.conditions(y, chunks[1:], training)
        h = self.dense(chunks[0], training=training)
        h = tf.reshape(tf.cast(h, self.numerics.dtype), [-1, 4, 4, self.spec.generator_channels[0]])  # (B,4,4,C)
        for block, long_range, condition in zip(self.blocks, self.long_range, conditions, strict=True):
            h = block(h, condition, training=training)
            h = h if long_range is None else long_range(h, training=training)
        h = tf.nn.relu(self.final_norm(h, training=training))
        return tf.tanh(tf.cast(self.to_rgb(h, training=training), tf.float32))

    def conditions(self, y: tf.Tensor, chunks: list[tf.Tensor], training: bool) -> list[tf.Tensor]:
        """The condition of each block's norms: y itself (B,), or [embedding, chunk] (B,K)."""
        if self.shared is None:
            return [y] * len(self.blocks)
        embedded = self.shared(y, training=training)
        if not chunks:
            return [embedded] * len(self.blocks)
        return [tf.concat([embedded, chunk], -1) for chunk in chunks]


def filters(generator: Generator) -> dict[str, tf.Variable]:
    """The kernels of G that orthogonal regularization applies to: of dense layers, convolutions, attention, and the
    linear maps of conditional norms; not class tables (the shared embedding, or a norm's own), biases or gains."""
    tables = r"^shared\." if generator.spec.conditioning == "shared" else r"norm_\d\.(gain|bias)\."
    kernels = {n: v for n, v in named_variables(generator).items() if n.endswith(".kernel")}
    return {n: v for n, v in kernels.items() if not re.search(tables, n)}
