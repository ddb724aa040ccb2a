"""GANSpec: a generator and a discriminator described as plain data.

A description is checked, printed and counted by plain arithmetic, without TensorFlow: models/parameters.py counts it,
models/cost.py estimates its work and memory, and generator.py and discriminator.py build it.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

from sagan_tf.foundation.attention_forms import ATTENTION_FORMS, AttentionFormName
from sagan_tf.foundation.choices import check_choice

Conditioning = Literal["tables", "shared", "none"]
Head = Literal["projection", "auxiliary", "plain"]
LongRange = Literal["attention", "residual"]
InferenceStatistics = Literal["moving", "batch"]
InitializerName = Literal["glorot_uniform", "orthogonal", "normal"]
TableInitializer = Literal["constant", "glorot_uniform", "orthogonal", "normal"]
BiasInitializer = Literal["zeros", "torch"]


@dataclass(frozen=True, kw_only=True)
class GANSpec:
    """Everything that determines the shapes and constants of the two networks.

    models/families.py has functions that make the descriptions of the papers' systems.

    Raises:
      ValueError: if the settings contradict each other; the message says which, and what to do.
    """

    # Sizes. Ladders are channels as multiples of a width.
    resolution: int  # side of the images in pixels, 4 * 2^(number of up blocks)
    generator_ladder: tuple[int, ...]  # multiples of `width`: the 4x4 map, then the output of each up block
    discriminator_ladder: tuple[int, ...]  # multiples of `discriminator_width`: the output of each block, in order
    pools: int  # number of D's blocks, counted from the first, that halve the map
    width: int = 64  # channel multiplier of G ("ch")
    discriminator_width: int | None = None  # channel multiplier of D; None: as G's

    # Latents and classes.
    n_classes: int | None = None  # number of labels; None until the data set is known
    z_dim: int = 128  # length of z
    conditioning: Conditioning = "tables"  # G's norms: a gain and bias per class, or linear in one shared embedding
    shared_dim: int = 128  # length of the shared class embedding
    hierarchical: bool = False  # split z into equal chunks: one for the dense layer and one for each block

    # Long-range blocks.
    attention_g: tuple[int, ...] = ()  # sides of the maps after which G attends; () for none
    attention_d: tuple[int, ...] = ()  # sides of the maps after which D attends; () for none
    attention_form: AttentionFormName = "code"  # published form of the attention; see SelfAttention
    long_range: LongRange = "attention"  # or Table 1's "residual" block, which has as many parameters

    # Head and blocks of D, and the spectral normalization of both networks.
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
        self._check_choices()
        self._check_sizes()
        self._check_attention()
        self._check_latent()
        self._check_constants()

    def _check_choices(self) -> None:
        kinds = {
            "conditioning": Conditioning,
            "head": Head,
            "long_range": LongRange,
            "initializer": InitializerName,
            "table_initializer": TableInitializer,
            "bias_initializer": BiasInitializer,
            "inference_statistics": InferenceStatistics,
        }
        for name, kind in kinds.items():
            check_choice("GANSpec", name, getattr(self, name), get_args(kind))
        if self.dense_initializer is not None:
            check_choice("GANSpec", "dense_initializer", self.dense_initializer, get_args(InitializerName))
        check_choice("GANSpec", "attention_form", self.attention_form, ATTENTION_FORMS)

    def _check_sizes(self) -> None:
        ups = len(self.generator_ladder) - 1
        if ups < 1 or self.resolution != 4 * 2**ups:
            raise ValueError(
                f"generator_ladder must have log2(resolution / 4) + 1 entries; received resolution={self.resolution}, "
                f"generator_ladder={self.generator_ladder}. Give a ladder that doubles 4 pixels up to the resolution."
            )
        if not 1 <= self.pools <= min(ups, len(self.discriminator_ladder)):
            raise ValueError(
                f"pools must be between 1 and {min(ups, len(self.discriminator_ladder))} for this resolution and "
                f"discriminator_ladder; received pools={self.pools}."
            )
        for name in ("width", "discriminator_width", "z_dim", "shared_dim", "n_classes"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a positive integer; received {name}={value!r}.")

    def _check_attention(self) -> None:
        for name, sizes in (("attention_g", self.generator_sizes), ("attention_d", self.discriminator_sizes)):
            wanted = getattr(self, name)
            if not isinstance(wanted, tuple) or not set(wanted) <= set(sizes):
                raise ValueError(
                    f"{name} must be a tuple of the network's map sizes {tuple(dict.fromkeys(sizes))}; "
                    f"received {name}={wanted!r}. For none, give ()."
                )
        if self.long_range == "residual" and self.attention_form == "paper":
            raise ValueError(
                "long_range='residual' must be matched to the code's or v1's attention (5C^2/4 + 1 parameters); "
                "received attention_form='paper'. Leave attention_form at 'code'."
            )

    def _check_latent(self) -> None:
        if self.hierarchical and self.conditioning != "shared":
            raise ValueError(
                "hierarchical=True must go with conditioning='shared', whose linear maps take the chunks of z; "
                f"received conditioning={self.conditioning!r}. Set conditioning='shared' or hierarchical=False."
            )
        if self.hierarchical and self.z_dim % len(self.generator_ladder):
            raise ValueError(
                f"z_dim must be a multiple of {len(self.generator_ladder)} (a chunk for the dense layer and one for "
                f"each block) when hierarchical; received z_dim={self.z_dim}."
            )

    def _check_constants(self) -> None:
        for name in ("norm_decay", "final_norm_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1); received {name}={getattr(self, name)!r}.")
        for name in ("norm_epsilon", "final_norm_epsilon", "spectral_norm_epsilon", "convolution_gain"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; received {name}={getattr(self, name)!r}.")

    def with_classes(self, n_classes: int) -> "GANSpec":
        """The same networks for a data set of `n_classes` labels."""
        return dataclasses.replace(self, n_classes=n_classes)

    @property
    def generator_channels(self) -> tuple[int, ...]:
        return tuple(self.width * factor for factor in self.generator_ladder)

    @property
    def discriminator_channels(self) -> tuple[int, ...]:
        return tuple((self.discriminator_width or self.width) * factor for factor in self.discriminator_ladder)

    @property
    def generator_sizes(self) -> tuple[int, ...]:
        """The side of each up block's output, in pixels."""
        return tuple(4 * 2**i for i in range(1, len(self.generator_ladder)))

    @property
    def discriminator_sizes(self) -> tuple[int, ...]:
        """The side of each block's output, in pixels."""
        return tuple(self.resolution >> min(i + 1, self.pools) for i in range(len(self.discriminator_ladder)))

    @property
    def z_chunk(self) -> int:
        """The number of entries of z that the dense layer receives: all, or one chunk when hierarchical."""
        return self.z_dim // len(self.generator_ladder) if self.hierarchical else self.z_dim

    @property
    def condition_dim(self) -> int:
        """The length of the condition that the linear maps of conditional norms receive."""
        return self.shared_dim + (self.z_chunk if self.hierarchical else 0)

    def hidden_channels(self, block: int) -> int:
        """Channels between the two convolutions of D's block: the output's ("wide"), or the input's ("thin").

        The first block of a thin D is wide too (Miyato & Koyama's code; BigGAN-PyTorch's has 3 channels there).
        """
        channels = self.discriminator_channels
        return channels[block - 1] if self.thin_discriminator and block else channels[block]

    def attends_after(self, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[bool, ...]:
        """For each block, whether attention follows it: it follows the first block of each wanted output size."""
        return tuple(size in wanted and size not in sizes[:i] for i, size in enumerate(sizes))
