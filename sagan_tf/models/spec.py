"""GANSpec: a generator and a discriminator described as plain data, and the arithmetic of their parameters.

A description is validated, printed and counted by plain arithmetic, without TensorFlow. `generator.py` and
`discriminator.py` build what this file describes.
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
    """Everything that decides the two networks' shapes and constants.

    resolution: side of the images in pixels, 4 * 2^(number of up blocks).
    generator_ladder: channels as multiples of `width`: of the 4x4 map, then of each up block's output.
    discriminator_ladder: channels as multiples of `discriminator_width`: of each block's output, the first block first.
    pools: how many of D's blocks, from the first, halve the map.
    width, discriminator_width: the channel multiplier ("ch") of G and of D (None: G's).
    n_classes: number of labels; None until a data set says it.
    z_dim: length of z; with `hierarchical` it is cut into one equal chunk for the dense layer and one for each block.
    conditioning: "tables" (a gain and a bias per class), "shared" (linear maps of one class embedding), or "none".
    shared_dim: length of the shared embedding.
    attention_g, attention_d: sides of the maps after which G and D attend (the first block of that output size).
    attention_form: "code", "paper" or "v1"; see SelfAttention.
    long_range: "attention", or SAGAN Table 1's "residual" block with exactly as many parameters in its place.
    head: "projection" (Miyato & Koyama 2018), "auxiliary" (AC-GAN) or "plain".
    head_bias: whether D's last dense layer has a bias.
    spectral_norm_g, spectral_norm_d: whether G's and D's kernels are spectrally normalized.
    thin_discriminator: D blocks' first convolution keeps the input's channels (SNGAN) instead of the output's.
    classifier_bias: whether an auxiliary head's class logits have a bias.
    initializer: "glorot_uniform" (SAGAN, SNGAN), "orthogonal" (BigGAN) or "normal" (N(0, 0.02^2)).
    dense_initializer: the same choice for the kernel of G's first dense layer alone; None for `initializer`.
    table_initializer: how the norms' class tables start: "constant", gains at 1 and biases at 0 (SAGAN's code), or by
      one of `initializer`'s names, which is added to them (BigGAN-PyTorch: its `initializer`).
    bias_initializer: "zeros" (SAGAN's code), or "torch" for PyTorch's default, U(-1, 1) / sqrt(fan-in).
    convolution_gain: factor on the initial 3x3 kernels inside the blocks (SNGAN's code: sqrt(2)).
    norm_decay, final_norm_decay: share of the moving statistics that each step keeps.
    norm_epsilon, final_norm_epsilon, spectral_norm_epsilon: the constants below the roots and norms.
    cross_replica_norm: whether training normalizes by the moments of all replicas together.
    inference_statistics: what the norms of G divide by in inference: "moving" (or standing) statistics, or the "batch".

    Raises:
      ValueError: if the parts don't fit together; the message says which and what to do.
    """

    resolution: int
    generator_ladder: tuple[int, ...]
    discriminator_ladder: tuple[int, ...]
    pools: int
    width: int = 64
    discriminator_width: int | None = None
    n_classes: int | None = None
    z_dim: int = 128
    conditioning: Conditioning = "tables"
    shared_dim: int = 128
    hierarchical: bool = False
    attention_g: tuple[int, ...] = ()
    attention_d: tuple[int, ...] = ()
    attention_form: AttentionFormName = "code"
    long_range: LongRange = "attention"
    head: Head = "projection"
    head_bias: bool = True
    spectral_norm_g: bool = True
    spectral_norm_d: bool = True
    thin_discriminator: bool = False
    classifier_bias: bool = False
    initializer: InitializerName = "glorot_uniform"
    dense_initializer: InitializerName | None = None
    table_initializer: TableInitializer = "constant"
    bias_initializer: BiasInitializer = "zeros"
    convolution_gain: float = 1.0
    norm_decay: float = 0.999
    final_norm_decay: float = 0.9999
    norm_epsilon: float = 1e-5
    final_norm_epsilon: float = 1e-5
    spectral_norm_epsilon: float = 1e-12
    cross_replica_norm: bool = False
    inference_statistics: InferenceStatistics = "moving"

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
        """Side of each up block's output."""
        return tuple(4 * 2**i for i in range(1, len(self.generator_ladder)))

    @property
    def discriminator_sizes(self) -> tuple[int, ...]:
        """Side of each block's output."""
        return tuple(self.resolution >> min(i + 1, self.pools) for i in range(len(self.discriminator_ladder)))

    @property
    def z_chunk(self) -> int:
        """Entries of z that the dense layer sees: all of them, or one chunk when hierarchical."""
        return self.z_dim // len(self.generator_ladder) if self.hierarchical else self.z_dim

    @property
    def condition_dim(self) -> int:
        """Length of what the conditional norms' linear maps are given."""
        return self.shared_dim + (self.z_chunk if self.hierarchical else 0)

    def hidden_channels(self, block: int) -> int:
        """Channels between the two convolutions of D's block: the output's ("wide"), or the input's ("thin").

        The first block of a thin D is wide too (Miyato & Koyama's code; BigGAN-PyTorch's has 3 channels there).
        """
        channels = self.discriminator_channels
        return channels[block - 1] if self.thin_discriminator and block else channels[block]

    def attends_after(self, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[bool, ...]:
        """For each block whether attention follows it: the first block of each wanted output size."""
        return tuple(size in wanted and size not in sizes[:i] for i, size in enumerate(sizes))
