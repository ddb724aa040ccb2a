"""Residual blocks. Each receives factories of its convolutions and norms, and never reads a configuration.

Shapes: B images per batch, H and W the sides of a map, C its channels, K the length of a condition.
"""

from collections.abc import Callable

import tensorflow as tf

from sagan_tf.layers.building import WithoutBuild
from sagan_tf.layers.resampling import downsample, upsample

Layer = tf.keras.layers.Layer


class GBlock(WithoutBuild, Layer):
    """Pre-activation residual block that doubles the resolution (Brock et al. 2019, Fig. 15b; SAGAN's as well).

    norm -> ReLU -> nearest x2 -> conv3x3 -> norm -> ReLU -> conv3x3, plus conv1x1 -> nearest x2 of the input. The
    1x1 comes before the upsampling, which gives the same numbers for a quarter of the work.

    conv(channels, size=3, resample=None | "up" | "down") and norm(channels) are the factories of its parts.
    Shapes: x (B,H,W,C), condition (B,) or (B,K) -> (B,2H,2W,channels).
    """

    def __init__(
        self, inputs: int, channels: int, *, conv: Callable[..., Layer], norm: Callable[[int], Layer], **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.norm_1 = norm(inputs)
        self.conv_1 = conv(channels, resample="up")
        self.norm_2 = norm(channels)
        self.conv_2 = conv(channels)
        self.shortcut = conv(channels, size=1)

    def call(self, x, condition, training=False):
        h = self.conv_1(tf.nn.relu(self.norm_1(x, condition, training=training)), training=training)
        h = self.conv_2(tf.nn.relu(self.norm_2(h, condition, training=training)), training=training)
        return h + upsample(self.shortcut(x, training=training))


class DBlock(WithoutBuild, Layer):
    """Residual block of the discriminator (Brock et al. 2019, Fig. 15c): ReLU -> conv3x3 -> ReLU -> conv3x3 [-> pool].

    The shortcut pools before its 1x1 convolution, which commutes with the average exactly. Without pooling and with
    equal channels, the shortcut is the identity. The first block of D takes the image without a leading ReLU.

    Shapes: x (B,H,W,C) -> (B,H/2,W/2,channels), or (B,H,W,channels) without pooling.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        *,
        hidden: int,
        pools: bool,
        first: bool = False,
        conv: Callable[..., Layer],
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.pools = pools
        self.first = first
        self.conv_1 = conv(hidden)
        self.conv_2 = conv(channels, resample="down" if pools else None)
        self.shortcut = conv(channels, size=1) if pools or inputs != channels else None

    def call(self, x, training=False):
        h = self.conv_1(x if self.first else tf.nn.relu(x), training=training)
        h = self.conv_2(tf.nn.relu(h), training=training)
        x = downsample(x) if self.pools else x
        return h + (x if self.shortcut is None else self.shortcut(x, training=training))


class GBottleneck(WithoutBuild, Layer):
    """Residual block of BigGAN-deep's generator (Brock et al. 2019, Appendix B), four convolutions deep.

    norm -> ReLU -> conv1x1 -> norm -> ReLU [-> nearest x2] -> conv3x3 -> norm -> ReLU -> conv3x3 -> norm -> ReLU ->
    conv1x1, with a quarter of the input's channels inside. The shortcut has no weights: it is the first `channels`
    channels of the input [-> nearest x2].

    Shapes: x (B,H,W,inputs), condition (B,) or (B,K) -> (B,2H,2W,channels), or (B,H,W,channels) without upsampling.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        *,
        hidden: int,
        upsamples: bool,
        conv: Callable[..., Layer],
        norm: Callable[[int], Layer],
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.upsamples = upsamples
        self.channels = channels
        self.norm_1 = norm(inputs)
        self.conv_1 = conv(hidden, size=1)
        self.norm_2 = norm(hidden)
        self.conv_2 = conv(hidden, resample="up" if upsamples else None)
        self.norm_3 = norm(hidden)
        self.conv_3 = conv(hidden)
        self.norm_4 = norm(hidden)
        self.conv_4 = conv(channels, size=1)

    def call(self, x, condition, training=False):
        h = self.conv_1(tf.nn.relu(self.norm_1(x, condition, training=training)), training=training)
        h = self.conv_2(tf.nn.relu(self.norm_2(h, condition, training=training)), training=training)
        h = self.conv_3(tf.nn.relu(self.norm_3(h, condition, training=training)), training=training)
        h = self.conv_4(tf.nn.relu(self.norm_4(h, condition, training=training)), training=training)
        x = x[..., : self.channels]
        return h + (upsample(x) if self.upsamples else x)


class DBottleneck(WithoutBuild, Layer):
    """Residual block of BigGAN-deep's discriminator (Brock et al. 2019, Appendix B), four convolutions deep.

    ReLU -> conv1x1 -> ReLU -> conv3x3 -> ReLU -> conv3x3 -> ReLU [-> pool] -> conv1x1, with a quarter of the output's
    channels inside. The shortcut [pools and] passes the input on, and concatenates the channels that are missing as a
    1x1 convolution of it.

    Shapes: x (B,H,W,inputs) -> (B,H/2,W/2,channels), or (B,H,W,channels) without pooling.
    """

    def __init__(self, inputs: int, channels: int, *, hidden: int, pools: bool, conv: Callable[..., Layer], **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.pools = pools
        self.conv_1 = conv(hidden, size=1)
        self.conv_2 = conv(hidden)
        self.conv_3 = conv(hidden)
        self.conv_4 = conv(channels, size=1)
        self.shortcut = conv(channels - inputs, size=1) if channels > inputs else None

    def call(self, x, training=False):
        h = self.conv_1(tf.nn.relu(x), training=training)
        h = self.conv_2(tf.nn.relu(h), training=training)
        h = tf.nn.relu(self.conv_3(tf.nn.relu(h), training=training))
        h = self.conv_4(downsample(h) if self.pools else h, training=training)
        x = downsample(x) if self.pools else x
        return h + (x if self.shortcut is None else tf.concat([x, self.shortcut(x, training=training)], -1))


class MatchedResidual(Layer):
    """SAGAN Table 1's residual block "with the same number of parameters" as the attention that it replaces.

    x + gamma * conv1x1(ReLU(conv3x3(ReLU(x)))) with C -> C/8 -> C channels, no biases, and gamma starting at zero:
    9C^2/8 + C^2/8 + 1 = 5C^2/4 + 1 parameters, exactly the attention's. The paper gives no design and no code was
    released; this design keeps a local 3x3 convolution and starts as the identity, as attention does.

    Shapes: x (B,H,W,C) -> (B,H,W,C).
    """

    def __init__(self, channels: int, *, conv: Callable[..., Layer], **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.conv_1 = conv(channels // 8, use_bias=False)
        self.conv_2 = conv(channels, size=1, use_bias=False)

    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, x, training=False):
        h = self.conv_1(tf.nn.relu(x), training=training)
        h = self.conv_2(tf.nn.relu(h), training=training)
        return x + tf.cast(tf.convert_to_tensor(self.gamma), x.dtype) * h
