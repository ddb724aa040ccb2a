"""BigGAN-deep, the system of the later versions of Brock et al. 2018: bottleneck blocks, two at each resolution."""

import itertools
from dataclasses import dataclass
from typing import Any

from sagan_tf.foundation.attention_forms import AttentionFormName
from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.integers import is_integer
from sagan_tf.models.spec import (
    BiasInitializer,
    Conditioning,
    ConditionOrder,
    GANSpec,
    InferenceStatistics,
    InitializerName,
)


@dataclass(frozen=True)
class Stages:
    """Channel multiples of the stages, each of which is several blocks, and where the networks attend by default.

    In G, all blocks of a stage but the last keep channels and size; the last changes the channels and doubles the map.
    In D, the first block of a stage changes the channels and halves the map, and the others keep both.
    """

    generator: tuple[int, ...]  # the 4x4 map, then the output of each stage
    discriminator: tuple[int, ...]  # the stem, then the output of each stage
    pools: int  # how many stages of D, counted from the first, halve the map
    attention: int  # side of the maps after which both networks attend


STAGES = {
    32: Stages((4, 4, 4, 4), (4, 4, 4, 4), 2, 16),  # BigGAN-PyTorch
    64: Stages((16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4, 32),  # BigGAN-PyTorch, whose scripts don't say where to attend
    128: Stages((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5, 64),  # paper, DeepMind's module, BigGAN-PyTorch
    256: Stages((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 6, 64),  # the same
    512: Stages((16, 16, 8, 8, 4, 2, 1, 1), (1, 1, 2, 4, 8, 8, 16, 16), 7, 64),  # DeepMind's module; D mirrors it
}


def biggan_deep(
    resolution: int = 128,
    *,
    width: int = 128,
    discriminator_width: int | None = None,
    depth: int = 2,
    z_dim: int = 128,
    conditioning: Conditioning = "shared",
    shared_dim: int = 128,
    condition_order: ConditionOrder = "z_embedding",
    wide_rgb: bool = True,
    attention_g: tuple[int, ...] | None = None,
    attention_d: tuple[int, ...] | None = None,
    attention_form: AttentionFormName = "code",
    initializer: InitializerName = "orthogonal",
    bias_initializer: BiasInitializer = "zeros",
    norm_decay: float = 0.9,
    norm_epsilon: float = 1e-4,
    final_norm_epsilon: float = 1e-4,
    spectral_norm_epsilon: float = 1e-4,
    cross_replica_norm: bool = True,
    inference_statistics: InferenceStatistics = "moving",
) -> GANSpec:
    """BigGAN-deep (Brock et al. 2018, later versions, Appendix B), by default as in DeepMind's modules.

    The paper prints 50.4M parameters for G and 34.6M for D at 128 px, which are these networks for 1000 classes with
    the shared embedding. BigGAN-PyTorch's G has 50.2M: it differs in `condition_order="embedding_z"` (how z and the
    embedding are concatenated for the dense layer and all norms), in `wide_rgb=False` (DeepMind's last convolution has
    as many outputs as inputs, of which the first three are the image), and in its last norm's epsilon of 1e-5.

    depth: blocks of each stage. conditioning: "none" for images without classes; z then feeds the dense layer alone.
    attention_g, attention_d: sides of the maps, after whose first block G attends, and D after the last; None for those
      in STAGES. At 32 px, None lets D attend after each stage: BigGAN-PyTorch's table calls all its maps 16x16.

    Epsilons are the paper's; BigGAN-PyTorch's script has 1e-5, and 1e-6 for spectral norms.

    Raises:
      ValueError: if the resolution has no stages in STAGES, or the depth is not a positive integer.
    """
    return GANSpec(
        **_layout(resolution, depth),
        **_attention(resolution, depth, attention_g, attention_d),
        **_conditioned(conditioning),
        width=width,
        discriminator_width=discriminator_width,
        z_dim=z_dim,
        shared_dim=shared_dim,
        condition_order=condition_order,
        wide_rgb=wide_rgb,
        attention_form=attention_form,
        initializer=initializer,
        bias_initializer=bias_initializer,
        norm_decay=norm_decay,
        final_norm_decay=norm_decay,
        norm_epsilon=norm_epsilon,
        final_norm_epsilon=final_norm_epsilon,
        spectral_norm_epsilon=spectral_norm_epsilon,
        cross_replica_norm=cross_replica_norm,
        inference_statistics=inference_statistics,
    )


def _layout(resolution: int, depth: int) -> dict[str, Any]:
    """The layout of the blocks of both networks."""
    hint = "Choose one of these, or add stages to STAGES in sagan_tf/models/biggan_deep.py."
    check_choice("", "resolution", resolution, STAGES, hint=hint)
    if not is_integer(depth, 1):
        raise ValueError(f"depth must be a positive integer; received depth={depth!r}. BigGAN-deep has 2.")
    stages = STAGES[resolution]
    stem, *widths = stages.discriminator
    pairs = [*itertools.pairwise(stages.generator)]
    return {
        "resolution": resolution,
        "block": "bottleneck",
        "generator_ladder": (stages.generator[0], *(c for a, b in pairs for c in (*(a,) * (depth - 1), b))),
        "upsamples": ((False,) * (depth - 1) + (True,)) * len(pairs),
        "discriminator_stem": stem,
        "discriminator_ladder": tuple(c for c in widths for _ in range(depth)),
        "pools": tuple(b == 0 and s < stages.pools for s in range(len(widths)) for b in range(depth)),
    }


def _conditioned(conditioning: Conditioning) -> dict[str, Any]:
    """How G's norms depend on z and the class, and the head of D that goes with it."""
    head = "plain" if conditioning == "none" else "projection"
    return {"conditioning": conditioning, "condition_includes_z": conditioning == "shared", "head": head}


def _attention(
    resolution: int, depth: int, wanted_g: tuple[int, ...] | None, wanted_d: tuple[int, ...] | None
) -> dict[str, Any]:
    """The blocks of both networks that attention follows."""
    stages = STAGES[resolution]
    found = {"attention_g": (stages.attention,) if wanted_g is None else wanted_g}
    if wanted_d is None and resolution == 32:
        ends = range(depth - 1, depth * (len(stages.discriminator) - 1), depth)
        return found | {"attention_blocks_d": tuple(ends)}
    return found | {"attention_d": (stages.attention,) if wanted_d is None else wanted_d}
