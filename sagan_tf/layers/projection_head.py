"""The projection head, by which a discriminator compares its features with a class (Miyato & Koyama 2018)."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from sagan_tf.layers.building import build_part
from sagan_tf.layers.dtype_policy import in_compute_dtype
from sagan_tf.layers.linear import Dense, Embedding
from sagan_tf.layers.serialization import refuse_factories, register
from sagan_tf.layers.shapes import check_axes
from sagan_tf.layers.spectral_norm import SpectralNorm

Layer = tf.keras.layers.Layer


@register
class ProjectionHead(Layer):
    """<h, V> + b + <h, embed(y)> (Miyato & Koyama 2018, eq. 4), with h the discriminator's pooled features.

    ```
    logits = ProjectionHead(n_classes=10)(features, y)       # features (B,C), y int32 (B,) -> (B,)
    ```

    n_classes: the number of labels. spectral_norm: whether V and the table are spectrally normalized, as in SNGAN,
      SAGAN and BigGAN; spectral_norm_epsilon: see `SpectralNorm`.
    dense, embedding: factories of layers with a given number of units, which replace the arguments above; `channels`
      must then be C. A head with factories has no `get_config`.

    Shapes: h (B,C), y (B,) integers -> logits (B,). y may also be weights of the classes, float (B,n_classes).

    Raises:
      ValueError: unless either `n_classes` or all of `channels`, `dense` and `embedding` are given; when the layer is
        called, if h or y has another number of axes.
    """

    def __init__(
        self,
        channels: int | None = None,
        *,
        n_classes: int | None = None,
        spectral_norm: bool = True,
        spectral_norm_epsilon: float = 1e-12,
        dense: Callable[[int], Layer] | None = None,
        embedding: Callable[[int], Layer] | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        given = [part is not None for part in (channels, dense, embedding)]
        if (n_classes is None and not all(given)) or (n_classes is not None and any(given)):
            raise ValueError(
                "ProjectionHead must be given n_classes alone, or channels, dense and embedding; received "
                f"n_classes={n_classes!r}, channels={channels!r}, dense={dense!r}, embedding={embedding!r}."
            )
        self.n_classes = n_classes
        self.spectral_norm = spectral_norm
        self.spectral_norm_epsilon = spectral_norm_epsilon
        self._factories = {"dense": dense, "embedding": embedding}
        self.dense = dense(1) if dense else self._normalized(Dense(1, dtype="float32", name="dense"))
        self.embedding = embedding(channels) if embedding else None

    def _normalized(self, layer: Layer) -> Layer:
        if not self.spectral_norm:
            return layer
        return SpectralNorm(layer, epsilon=self.spectral_norm_epsilon, dtype="float32", name=layer.name)

    def build(self, input_shape):
        check_axes("ProjectionHead", "features", input_shape, "(B,C)")
        if self.embedding is None:
            table = Embedding(self.n_classes, input_shape[-1], dtype="float32", name="embedding")
            self.embedding = self._normalized(table)
        build_part(self.dense, input_shape)
        build_part(self.embedding, (None,))

    def call(self, h, y, training=False):
        h = tf.cast(h, tf.float32)
        logits = tf.squeeze(self.dense(h, training=training), -1)
        embedded = self.embedding(y, training=training)
        hint = "Give labels (B,): those of shape (B,1) by tf.squeeze(y, -1)."
        check_axes("ProjectionHead", "embedding of the labels", embedded.shape, "(B,C)", hint=hint)
        return in_compute_dtype(self, logits + tf.reduce_sum(h * embedded, -1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        refuse_factories(self, **self._factories)
        return {
            **super().get_config(),
            "n_classes": self.n_classes,
            "spectral_norm": self.spectral_norm,
            "spectral_norm_epsilon": self.spectral_norm_epsilon,
        }
