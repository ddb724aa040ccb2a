"""GANSpec: a generator and a discriminator described as plain data.

A description is checked, printed and counted by plain arithmetic, without TensorFlow: models/parameters.py counts it,
models/cost.py estimates its work and memory, and generator.py and discriminator.py build it.
"""

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Literal

from sagan_tf.foundation.attention_forms import AttentionFormName
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.models import spec_checks

Conditioning = Literal["tables", "shared", "none"]
Head = Literal["projection", "auxiliary", "plain"]
LongRange = Literal["attention", "residual"]
InferenceStatistics = Literal["moving", "batch"]
InitializerName = Literal["glorot_uniform", "orthogonal", "normal"]
TableInitializer = Literal["constant", "glorot_uniform", "orthogonal", "normal"]
BiasInitializer = Literal["zeros", "torch"]
Block = Literal["basic", "bottleneck"]
ConditionOrder = Literal["embedding_z", "z_embedding"]

BOTTLENECK = 4  # divides the channels inside a bottleneck: those of its input in G, of its output in D


@dataclass(frozen=True, kw_only=True)
class GANSpec:
    """Everything that determines the shapes and constants of the two networks.

    models/families.py has functions that make the descriptions of the papers' systems.

    Raises:
      ValueError: if the settings contradict each other; the message says which, and what to do.
    """

    # Sizes. Ladders are channels as multiples of a width.
    resolution: int  # side of the images in pixels, 4 * 2^(number of up blocks)
    generator_ladder: tuple[int, ...]  # multiples of `width`: the 4x4 map, then the output of each block
    discriminator_ladder: tuple[int, ...]  # multiples of `discriminator_width`: the output of each block, in order
    pools: int | tuple[bool, ...]  # D's blocks that halve the map: the first so many, or whether each one does
    upsamples: tuple[bool, ...] | None = None  # whether each of G's blocks doubles the map; None: all do
    width: int = 64  # channel multiplier of G ("ch")
    discriminator_width: int | None = None  # channel multiplier of D; None: as G's

    # Latents and classes.
    n_classes: int | None = None  # number of labels; None until the data set is known
    z_dim: int = 128  # length of z
    conditioning: Conditioning = "tables"  # G's norms: a gain and bias per class, or linear in one shared embedding
    shared_dim: int = 128  # length of the shared class embedding
    hierarchical: bool = False  # split z into equal chunks: one for the dense layer and one for each block
    condition_includes_z: bool = False  # the dense layer and all norms receive z and the embedding whole (BigGAN-deep)
    condition_order: ConditionOrder = "embedding_z"  # of the two in a condition; "z_embedding": DeepMind's modules

    # Long-range blocks.
    attention_g: tuple[int, ...] = ()  # sides of the maps after which G attends; () for none
    attention_d: tuple[int, ...] = ()  # sides of the maps after which D attends; () for none
    attention_blocks_g: tuple[int, ...] | None = None  # numbers of G's blocks, from 0, after which it attends instead
    attention_blocks_d: tuple[int, ...] | None = None  # the same for D
    attention_form: AttentionFormName = "code"  # published form of the attention; see SelfAttention
    long_range: LongRange = "attention"  # or Table 1's "residual" block, which has as many parameters

    # Blocks of both networks, head of D, last convolution of G, and the spectral normalization.
    block: Block = "basic"  # two 3x3 convolutions; "bottleneck": 1x1, 3x3, 3x3, 1x1 at a quarter of the width
    discriminator_stem: int | None = None  # multiple of D's width: a 3x3 convolution before blocks of bottlenecks
    wide_rgb: bool = False  # G's last convolution keeps its input's channels, of which the first three are the image
    head: Head = "projection"  # Miyato & Koyama 2018; "auxiliary" is AC-GAN's, "plain" ignores the label
    head_bias: bool = True  # whether D's last dense layer has a bias
    spectral_norm_g: bool = True  # normalizes G's kernels
    spectral_norm_d: bool = True  # normalizes D's kernels
    thin_discriminator: bool = False  # D's blocks are as thin inside as their input (SNGAN), not their output
    classifier_bias: bool = False  # whether the class logits of an auxiliary head have a bias

    # Initial values.
    initializer: InitializerName = "glorot_uniform"  # of kernels; "orthogonal": BigGAN; "normal": N(0, 0.02^2)
    dense_initializer: InitializerName | None = None  # kernel of G's first dense layer; None: `initializer`
    table_initializer: TableInitializer = "constant"  # class tables: gains 1, biases 0; a name adds its values to these
    bias_initializer: BiasInitializer = "zeros"  # or "torch": PyTorch's default, uniform in +-1 / sqrt(fan-in)
    convolution_gain: float = 1.0  # factor on the initial 3x3 kernels of the blocks (SNGAN's code: sqrt(2))

    # Constants of the norms.
    norm_decay: float = 0.999  # share of the moving statistics that each step keeps, in the blocks' norms
    final_norm_decay: float = 0.9999  # the same in the last norm
    norm_epsilon: float = 1e-5  # added to the variance, in the blocks' norms
    final_norm_epsilon: float = 1e-5  # the same in the last norm
    spectral_norm_epsilon: float = 1e-12  # lower bound of the norms that power iteration divides by
    cross_replica_norm: bool = False  # whether training normalizes by the moments of all replicas together
    inference_statistics: InferenceStatistics = "moving"  # statistics at inference; "batch": of the batch itself

    def __post_init__(self):
        store_plain_numbers(self)
        spec_checks.check(self)

    def with_classes(self, n_classes: int) -> "GANSpec":
        """The same networks for a data set of `n_classes` labels."""
        return dataclasses.replace(self, n_classes=n_classes)

    @property
    def generator_channels(self) -> tuple[int, ...]:
        return tuple(self.width * factor for factor in self.generator_ladder)

    @property
    def discriminator_channels(self) -> tuple[int, ...]:
        return tuple(self._d_width * factor for factor in self.discriminator_ladder)

    @property
    def _d_width(self) -> int:
        return self.discriminator_width or self.width

    @property
    def discriminator_inputs(self) -> tuple[int, ...]:
        """The channels that each block of D receives; the first one's are the image's, or those of the stem."""
        first = 3 if self.discriminator_stem is None else self._d_width * self.discriminator_stem
        return (first, *self.discriminator_channels[:-1])

    @property
    def generator_upsamples(self) -> tuple[bool, ...]:
        """Whether each block of G doubles the map."""
        return (True,) * (len(self.generator_ladder) - 1) if self.upsamples is None else self.upsamples

    @property
    def discriminator_pools(self) -> tuple[bool, ...]:
        """Whether each block of D halves the map."""
        if isinstance(self.pools, tuple):
            return self.pools
        return tuple(i < self.pools for i in range(len(self.discriminator_ladder)))

    @property
    def generator_sizes(self) -> tuple[int, ...]:
        """The side of each block's output, in pixels."""
        return tuple(4 << doubled for doubled in itertools.accumulate(map(int, self.generator_upsamples)))

    @property
    def discriminator_sizes(self) -> tuple[int, ...]:
        """The side of each block's output, in pixels."""
        return tuple(self.resolution >> halved for halved in itertools.accumulate(map(int, self.discriminator_pools)))

    @property
    def generator_attends(self) -> tuple[bool, ...]:
        """For each block of G, whether attention follows it: it follows the first block of each side in attention_g."""
        return _followed(self.generator_sizes, self.attention_g, self.attention_blocks_g, first=True)

    @property
    def discriminator_attends(self) -> tuple[bool, ...]:
        """The same for D. With bottlenecks, attention follows the last block of each side (BigGAN-deep)."""
        first = self.block == "basic"
        return _followed(self.discriminator_sizes, self.attention_d, self.attention_blocks_d, first=first)

    @property
    def rgb_channels(self) -> int:
        """The output channels of G's last convolution, of which the first three are the image."""
        return self.generator_channels[-1] if self.wide_rgb else 3

    @property
    def z_chunk(self) -> int:
        """The number of entries of z that a layer receives: all, or one chunk when hierarchical."""
        return self.z_dim // len(self.generator_ladder) if self.hierarchical else self.z_dim

    @property
    def dense_inputs(self) -> int:
        """The number of entries that G's dense layer receives: z, its first chunk, or z and the embedding."""
        return self.condition_dim if self.condition_includes_z else self.z_chunk

    @property
    def condition_dim(self) -> int:
        """The length of the condition that the linear maps of conditional norms receive."""
        return self.shared_dim + (self.z_chunk if self.hierarchical or self.condition_includes_z else 0)

    @property
    def generator_hidden(self) -> tuple[int, ...]:
        """The channels inside each block of G: its output's, or in a bottleneck a quarter of its input's."""
        channels = self.generator_channels
        return tuple(c // BOTTLENECK for c in channels[:-1]) if self.block == "bottleneck" else channels[1:]

    @property
    def discriminator_hidden(self) -> tuple[int, ...]:
        """The channels inside each block of D: its output's ("wide") or its input's ("thin"); a bottleneck's quarter.

        The first block of a thin D is wide too (Miyato & Koyama's code; BigGAN-PyTorch's has 3 channels there).
        """
        channels = self.discriminator_channels
        if self.block == "bottleneck":
            return tuple(c // BOTTLENECK for c in channels)
        return (channels[0], *channels[:-1]) if self.thin_discriminator else channels


def _followed(
    sizes: tuple[int, ...], sides: tuple[int, ...], blocks: tuple[int, ...] | None, *, first: bool
) -> tuple[bool, ...]:
    """For each block, whether it is one of `blocks`, or else the first (or last) of one of these sides."""
    if blocks is not None:
        return tuple(i in blocks for i in range(len(sizes)))
    return tuple(side in sides and side not in (sizes[:i] if first else sizes[i + 1 :]) for i, side in enumerate(sizes))
