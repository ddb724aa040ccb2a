"""The discriminator, from an image and a label to a logit."""

from collections.abc import Iterable

import tensorflow as tf

from sagan_tf.layers.building import WithoutBuild
from sagan_tf.layers.dtype_policy import float32_policy
from sagan_tf.layers.projection_head import ProjectionHead
from sagan_tf.models.blocks import DBlock, DBottleneck
from sagan_tf.models.heads import AuxiliaryHead, DiscriminatorOutput, PlainHead
from sagan_tf.models.parts import Numerics, Parts
from sagan_tf.models.precision import check_precision
from sagan_tf.models.spec import GANSpec


class Discriminator(WithoutBuild, tf.keras.Model):
    """[Stem ->] blocks, attention after those that the description names -> ReLU, sum over H and W -> head.

    Shapes: images (B,R,R,3) in [-1,1], y (B,) int32 ->
    DiscriminatorOutput(logits (B,), class_logits (B,n) or None), float32.
    The pooling is a sum rather than a mean, as in the code of all the papers. The only normalization is spectral.
    `dropout_mask` (B,C), if given, multiplies the pooled features before the head (BigGAN, section 4.2).
    `training=True` stores u: the update of D does so once, on real and fake images together; that of G never does.
    The first `frozen_blocks` blocks, with the attention after them, never store theirs.
    """

    @float32_policy()
    def __init__(
        self,
        spec: GANSpec,
        *,
        numerics: Numerics | None = None,
        seed: int | None = 0,
        frozen_blocks: int = 0,
        name: str = "discriminator",
    ):
        super().__init__(name=name)
        self.spec = spec
        self.numerics = numerics or Numerics()
        self.frozen_blocks = frozen_blocks
        check_precision(self.numerics.precision, trains=False)
        parts = Parts(spec, self.numerics, spectral_norm=spec.spectral_norm_d, seed=seed)
        channels = spec.discriminator_channels
        self.stem = parts.stem(spec.discriminator_inputs[0]) if spec.discriminator_stem is not None else None
        self.blocks = make_blocks(spec, parts)
        attends = spec.discriminator_attends
        self.long_range = [parts.long_range(c) if a else None for c, a in zip(channels, attends, strict=True)]
        self.head = make_head(spec, parts)
        self(tf.zeros([1, spec.resolution, spec.resolution, 3]), tf.zeros([1], tf.int32))
        parts.initialize_biases(self)

    def call(self, x, y, training=False, dropout_mask=None):
        h = tf.cast(x, self.numerics.dtype)
        h = h if self.stem is None else self.stem(h, training=training and not self.frozen_blocks)
        for i, (block, long_range) in enumerate(zip(self.blocks, self.long_range, strict=True)):
            stores = training and i >= self.frozen_blocks
            h = block(h, training=stores)
            h = h if long_range is None else long_range(h, training=stores)
        h = tf.reduce_sum(tf.cast(tf.nn.relu(h), tf.float32), [1, 2])  # (B,C)
        outputs = self.head(h if dropout_mask is None else h * dropout_mask, y, training=training)
        return DiscriminatorOutput(*outputs) if self.spec.head == "auxiliary" else DiscriminatorOutput(outputs)

    def frozen_names(self, names: Iterable[str]) -> set[str]:
        """Those of D's variables in the frozen blocks, in the attention after them, or in the stem before them."""
        frozen = tuple(f"{part}.{i}." for i in range(self.frozen_blocks) for part in ("blocks", "long_range"))
        stem = ("stem.",) if self.frozen_blocks else ()
        return {name for name in names if name.startswith((*stem, *frozen))}


def make_blocks(spec: GANSpec, parts: Parts) -> list[tf.keras.layers.Layer]:
    """The residual blocks that the description names."""
    columns = zip(
        spec.discriminator_inputs,
        spec.discriminator_channels,
        spec.discriminator_hidden,
        spec.discriminator_pools,
        strict=True,
    )
    if spec.block == "basic":
        return [
            DBlock(inputs, outputs, hidden=hidden, pools=pools, first=i == 0, conv=parts.conv)
            for i, (inputs, outputs, hidden, pools) in enumerate(columns)
        ]
    return [
        DBottleneck(inputs, outputs, hidden=hidden, pools=pools, conv=parts.conv)
        for inputs, outputs, hidden, pools in columns
    ]


def make_head(spec: GANSpec, parts: Parts) -> tf.keras.layers.Layer:
    """The head that the description names."""

    def dense(units: int, use_bias: bool = spec.head_bias) -> tf.keras.layers.Layer:
        return parts.dense(units, use_bias=use_bias)

    if spec.head == "projection":
        return ProjectionHead(spec.discriminator_channels[-1], dense=dense, embedding=parts.embedding)
    if spec.head == "auxiliary":
        return AuxiliaryHead(spec.n_classes, dense=dense, class_bias=spec.classifier_bias)
    return PlainHead(dense=dense)
