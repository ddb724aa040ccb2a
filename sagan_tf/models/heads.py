"""Heads of the discriminator, from its pooled features h to a logit and, for AC-GAN, class logits.

The projection head, which SAGAN and BigGAN use, is layers/projection_head.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from sagan_tf.layers.building import WithoutBuild

Layer = tf.keras.layers.Layer


class DiscriminatorOutput(NamedTuple):
    """The output of D: `logits` (B,), and `class_logits` (B,n_classes) from an auxiliary head, else None."""

    logits: tf.Tensor
    class_logits: tf.Tensor | None = None


class AuxiliaryHead(WithoutBuild, Layer):
    """<h, V> + b, and class logits W h (Odena et al. 2017). Shapes: h (B,C), y (B,) -> (B,), (B,n_classes)."""

    def __init__(self, n_classes: int, *, dense: Callable[..., Layer], class_bias: bool = False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.dense = dense(1)
        self.classifier = dense(n_classes, use_bias=class_bias)

    def call(self, h, y, training=False):
        logits = tf.squeeze(self.dense(h, training=training), -1)
        return logits, self.classifier(h, training=training)


class PlainHead(WithoutBuild, Layer):
    """<h, V> + b, which ignores the label. Shapes: h (B,C) -> logits (B,)."""

    def __init__(self, *, dense: Callable[..., Layer], **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.dense = dense(1)

    def call(self, h, y, training=False):
        return tf.squeeze(self.dense(h, training=training), -1)
