"""The papers' systems, as functions that take the ablated settings and return a GANSpec. Add a model here."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from sagan_tf.foundation.attention_forms import AttentionFormName
from sagan_tf.foundation.choices import check_choice
from sagan_tf.models.biggan_deep import biggan_deep as biggan_deep
from sagan_tf.models.spec import (
    BiasInitializer,
    Conditioning,
    GANSpec,
    InferenceStatistics,
    InitializerName,
    LongRange,
    TableInitializer,
)


@dataclass(frozen=True)
class Ladder:
    """Channel multiples of G (from the 4x4 map on) and D (from the first block on), and how many of D's blocks pool."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    pools: int


def mirrored(*generator: int) -> Ladder:
    """From 128 px on, D has G's ladder in reverse and pools in all blocks but the last."""
    return Ladder(generator, generator[::-1], len(generator) - 1)


LADDERS = {
    32: Ladder((4, 4, 4, 4), (2, 2, 2, 2), 2),  # PyTorch-StudioGAN's resnet SAGAN and BigGAN for CIFAR-10
    64: Ladder((16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4),  # BigGAN-PyTorch's 64 px
    128: mirrored(16, 16, 8, 4, 2, 1),  # SAGAN, SNGAN-projection and BigGAN
    256: mirrored(16, 16, 8, 8, 4, 2, 1),  # BigGAN, Table 5
    512: mirrored(16, 16, 8, 8, 4, 2, 1, 1),  # BigGAN, Table 6
}


def ladder_of(resolution: int) -> Ladder:
    """The ladder of a resolution.

    Raises:
      ValueError: if there is none for it.
    """
    hint = "Choose one of these, or add a ladder to LADDERS in sagan_tf/models/families.py."
    check_choice("", "resolution", resolution, LADDERS, hint=hint)
    return LADDERS[resolution]


def _sizes(resolution: int) -> dict[str, Any]:
    """The fields of a description that a resolution's ladder gives."""
    ladder = ladder_of(resolution)
    return {
        "resolution": resolution,
        "generator_ladder": ladder.generator,
        "discriminator_ladder": ladder.discriminator,
        "pools": ladder.pools,
    }


def _conditioned(conditioning: Conditioning) -> dict[str, str]:
    """The conditioning of G's norms, and the head of D that goes with it."""
    return {"conditioning": conditioning, "head": "plain" if conditioning == "none" else "projection"}


def sagan(
    resolution: int = 128,
    *,
    width: int = 64,
    discriminator_width: int | None = None,
    z_dim: int = 128,
    attention: tuple[int, ...] = (64,),
    attention_g: tuple[int, ...] | None = None,
    attention_d: tuple[int, ...] | None = None,
    attention_form: AttentionFormName = "code",
    long_range: LongRange = "attention",
    conditioning: Conditioning = "tables",
    spectral_norm_g: bool = True,
    initializer: InitializerName = "glorot_uniform",
    dense_initializer: InitializerName | None = None,
    table_initializer: TableInitializer = "constant",
    bias_initializer: BiasInitializer = "zeros",
    norm_decay: float = 0.999,
    final_norm_decay: float = 0.9999,
    inference_statistics: InferenceStatistics = "moving",
) -> GANSpec:
    """SAGAN (Zhang et al. 2019): spectral norm in both networks, class tables, projection head, attention.

    attention: sides of the maps after which both networks attend, () for none; `attention_g` and `attention_d` set one
    network alone. Table 1's columns are (8,), (16,), (32,), (64,); (64,) is the headline of Table 2, while the released
    script runs 32. The constants and initial values are those of the released code; the paper doesn't give them.
    """
    return GANSpec(
        **_sizes(resolution),
        width=width,
        discriminator_width=discriminator_width,
        z_dim=z_dim,
        attention_g=attention if attention_g is None else attention_g,
        attention_d=attention if attention_d is None else attention_d,
        attention_form=attention_form,
        long_range=long_range,
        **_conditioned(conditioning),
        spectral_norm_g=spectral_norm_g,
        initializer=initializer,
        dense_initializer=dense_initializer,
        table_initializer=table_initializer,
        bias_initializer=bias_initializer,
        norm_decay=norm_decay,
        final_norm_decay=final_norm_decay,
        inference_statistics=inference_statistics,
    )


def sngan_projection(
    resolution: int = 128,
    *,
    width: int = 64,
    discriminator_width: int | None = None,
    z_dim: int = 128,
    conditioning: Conditioning = "tables",
    thin_discriminator: bool = True,
    head_bias: bool = True,
    spectral_norm_g: bool = False,
    norm_decay: float = 0.9,
    norm_epsilon: float = 2e-5,
) -> GANSpec:
    """SNGAN with projection (Miyato & Koyama 2018): spectral norm in D alone, a D with narrower blocks, no attention.

    With conditioning="none", for images without classes, it is SNGAN's unconditional ResNet (Miyato et al. 2018).

    The constants are those of the released code: 3x3 kernels start at sqrt(2) times Glorot's width, and moving
    statistics decay by 0.9. That code starts the moving variance at 0, which decays as 0.9^n; here it starts at 1. On
    CIFAR-10 the last dense layer has no bias (`head_bias=False`).
    """
    return GANSpec(
        **_sizes(resolution),
        width=width,
        discriminator_width=discriminator_width,
        z_dim=z_dim,
        **_conditioned(conditioning),
        head_bias=head_bias,
        spectral_norm_g=spectral_norm_g,
        thin_discriminator=thin_discriminator,
        convolution_gain=math.sqrt(2.0),
        norm_decay=norm_decay,
        final_norm_decay=norm_decay,
        norm_epsilon=norm_epsilon,
        final_norm_epsilon=norm_epsilon,
    )


def acgan(
    resolution: int = 128,
    *,
    width: int = 64,
    discriminator_width: int | None = None,
    z_dim: int = 128,
    attention: tuple[int, ...] = (),
    thin_discriminator: bool = True,
    classifier_bias: bool = False,
    spectral_norm_g: bool = False,
) -> GANSpec:
    """AC-GAN on residual networks: those of SNGAN-projection with a classifier in place of the projection.

    SAGAN's Table 2 cites Odena et al. 2017 for its AC-GAN row, whose 100 small networks cannot have these scores; the
    numbers are those of Miyato & Koyama's control, which is this model (unconfirmed). `Objective.classify_fakes`
    decides whether D also learns the classes of fakes. With `thin_discriminator=False` and `spectral_norm_g=True`, the
    networks are SAGAN's but for attention and head.
    """
    base = sngan_projection(
        resolution,
        width=width,
        discriminator_width=discriminator_width,
        z_dim=z_dim,
        thin_discriminator=thin_discriminator,
        spectral_norm_g=spectral_norm_g,
    )
    return dataclasses.replace(
        base, head="auxiliary", classifier_bias=classifier_bias, attention_g=attention, attention_d=attention
    )


# Where BigGAN's G and D attend (Brock et al. 2018, Tables 4-6; 32: PyTorch-StudioGAN's; 64: this package's choice).
BIGGAN_ATTENTION = {
    32: ((16,), (16,)),
    64: ((32,), (32,)),
    128: ((64,), (64,)),
    256: ((128,), (64,)),
    512: ((64,), (64,)),
}
_Z_CHUNK = 20


def biggan(
    resolution: int = 128,
    *,
    width: int = 96,
    discriminator_width: int | None = None,
    conditioning: Conditioning | None = None,
    shared: bool = True,
    hierarchical: bool = True,
    z_dim: int | None = None,
    shared_dim: int = 128,
    attention_g: tuple[int, ...] | None = None,
    attention_d: tuple[int, ...] | None = None,
    attention_form: AttentionFormName = "code",
    initializer: InitializerName = "orthogonal",
    table_initializer: TableInitializer = "constant",
    bias_initializer: BiasInitializer = "zeros",
    norm_decay: float = 0.9,
    norm_epsilon: float = 1e-4,
    final_norm_epsilon: float = 1e-4,
    spectral_norm_epsilon: float = 1e-4,
    cross_replica_norm: bool = True,
    inference_statistics: InferenceStatistics = "moving",
) -> GANSpec:
    """BigGAN (Brock et al. 2018). Each row of its Table 1 is a setting of width, `shared` and `hierarchical`.

    shared: one class embedding for all norms; if False (rows 1-5), each norm has class tables, as in SAGAN.
    conditioning: "none" for images without classes: plain norms and head, z in one piece. None: as `shared` says.
    z_dim: None for 20 entries per dense layer and block when hierarchical (120, 140, 160 at 128, 256, 512 px;
      DeepMind's published 512 px module has 128), else 128; these reproduce the paper's parameter counts.
    attention_g, attention_d: None for the sides in the paper, BIGGAN_ATTENTION.

    Epsilons are the paper's 1e-4; BigGAN-PyTorch leaves the last norm's at 1e-5. The paper normalizes by the moments of
    all devices together, BigGAN-PyTorch by each GPU's. Tables (`shared=False`) start at one and zero, biases at zero;
    BigGAN-PyTorch has `table_initializer=initializer`, `bias_initializer="torch"`.
    """
    sizes, (sides_g, sides_d) = _sizes(resolution), BIGGAN_ATTENTION[resolution]
    conditioning = ("shared" if shared else "tables") if conditioning is None else conditioning
    hierarchical = False if conditioning == "none" else hierarchical
    return GANSpec(
        **sizes,
        width=width,
        discriminator_width=discriminator_width,
        z_dim=z_dim if z_dim is not None else (_Z_CHUNK * len(sizes["generator_ladder"]) if hierarchical else 128),
        **_conditioned(conditioning),
        shared_dim=shared_dim,
        hierarchical=hierarchical,
        attention_g=sides_g if attention_g is None else attention_g,
        attention_d=sides_d if attention_d is None else attention_d,
        attention_form=attention_form,
        initializer=initializer,
        table_initializer=table_initializer,
        bias_initializer=bias_initializer,
        norm_decay=norm_decay,
        final_norm_decay=norm_decay,
        norm_epsilon=norm_epsilon,
        final_norm_epsilon=final_norm_epsilon,
        spectral_norm_epsilon=spectral_norm_epsilon,
        cross_replica_norm=cross_replica_norm,
        inference_statistics=inference_statistics,
    )
