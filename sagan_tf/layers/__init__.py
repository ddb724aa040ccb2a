"""The layers of SAGAN and BigGAN as Keras layers, for any model: `from sagan_tf.layers import SpectralNorm`.

They follow the conventions of Keras (name, dtype policy, `training`), are saved and loaded with the models that hold
them, and work under both Keras 3 and tf_keras. The names listed here are public, and docs/layers.md explains them; all
other names in these modules are internal to this package.
"""

from sagan_tf.layers.batch_norm import BatchNorm
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNorm
from sagan_tf.layers.linear import Conv2D, Dense, Embedding
from sagan_tf.layers.projection_head import ProjectionHead
from sagan_tf.layers.resampling import ConvDownsample2D, UpsampleConv2D, downsample, upsample
from sagan_tf.layers.self_attention import SelfAttention
from sagan_tf.layers.spectral_norm import SpectralNorm

__all__ = [
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv2D",
    "ConvDownsample2D",
    "Dense",
    "Embedding",
    "ProjectionHead",
    "SelfAttention",
    "SpectralNorm",
    "UpsampleConv2D",
    "downsample",
    "upsample",
]
