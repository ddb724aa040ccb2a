"""The papers' systems as small functions from their ablations to a GANSpec. Add a model here."""

from dataclasses import dataclass
from typing import Literal

from sagan_tf.models.spec import Conditioning, GANSpec, LongRange


@dataclass(frozen=True)
class Ladder:
    """Channel multiples of G (4x4 map first) and D (first block first), and how many of D's blocks halve the map."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    pools: int


def mirrored(*generator: int) -> Ladder:
    """From 128 px up, D walks G's ladder backwards and pools in all blocks but the last."""
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
      ValueError: if there is none.
    """
    if resolution not in LADDERS:
        known = ", ".join(map(str, LADDERS))
        raise ValueError(
            f"resolution must be one of {known}; received resolution={resolution!r}. "
            "Choose one of these, or add a ladder to LADDERS in sagan_tf/models/families.py."
        )
    return LADDERS[resolution]


def sagan(
    resolution: int = 128,
    *,
    width: int = 64,
    z_dim: int = 128,
    attention: tuple[int, ...] = (64,),
    attention_g: tuple[int, ...] | None = None,
    attention_d: tuple[int, ...] | None = None,
    attention_form: Literal["code", "paper", "v1"] = "code",
    long_range: LongRange = "attention",
    conditioning: Conditioning = "tables",
    spectral_norm_g: bool = True,
    norm_decay: float = 0.999,
    final_norm_decay: float = 0.9999,
) -> GANSpec:
    """SAGAN (Zhang et al. 2019): SN in both nets, per-class conditional norms, projection head, attention.

    attention: sides of the maps after which both nets attend, () for none; `attention_g` and `attention_d` set one
    net alone. Table 1's columns are (8,), (16,), (32,), (64,); (64,) is the headline of Table 2, while the released
    script runs 32. The constants are the released code's, the paper being silent.
    """
    ladder = ladder_of(resolution)
    return GANSpec(
        resolution=resolution,
        generator_ladder=ladder.generator,
        discriminator_ladder=ladder.discriminator,
        pools=ladder.pools,
        width=width,
        z_dim=z_dim,
        conditioning=conditioning,
        attention_g=attention if attention_g is None else attention_g,
        attention_d=attention if attention_d is None else attention_d,
        attention_form=attention_form,
        long_range=long_range,
        head="plain" if conditioning == "none" else "projection",
        spectral_norm_g=spectral_norm_g,
        norm_decay=norm_decay,
        final_norm_decay=final_norm_decay,
    )
