"""What a description of networks must satisfy: choices, sizes, blocks, attention, latents and constants."""

import itertools
import math
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from sagan_tf.foundation.attention_forms import QUERY_DIVISOR
from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.integers import is_integer

if TYPE_CHECKING:
    from sagan_tf.models.spec import GANSpec


def check(spec: "GANSpec") -> None:
    """Checks a description as a whole.

    Raises:
      ValueError: if the settings contradict each other; the message says which, and what to do.
    """
    _check_choices(spec)
    _check_kinds(spec)
    _check_sizes(spec)
    _check_blocks(spec)
    _check_attention(spec)
    _check_latent(spec)
    _check_constants(spec)


def _check_choices(spec: "GANSpec") -> None:
    for name, hint in get_type_hints(type(spec)).items():
        value = getattr(spec, name)
        kinds = [kind for kind in (hint, *get_args(hint)) if get_origin(kind) is Literal]
        if kinds and not (value is None and type(None) in get_args(hint)):
            check_choice("GANSpec", name, value, get_args(kinds[0]))


def _check_kinds(spec: "GANSpec") -> None:
    """Checks that flags are flags, constants finite, sizes positive integers, and lists of blocks tuples.

    Gin checks the bindings of a file in the same way; a program in Python calls no gin.
    """
    hints = get_type_hints(type(spec))
    for name, hint in hints.items():
        value = getattr(spec, name)
        if hint is bool and not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False; received {name}={value!r}.")
        if hint is float and not (isinstance(value, int | float) and math.isfinite(value)):
            raise ValueError(f"{name} must be a finite number; received {name}={value!r}.")
    for name in ("generator_ladder", "discriminator_ladder"):
        value = getattr(spec, name)
        if not (isinstance(value, tuple) and value and all(is_integer(factor, 1) for factor in value)):
            raise ValueError(f"{name} must be a tuple of positive integers; received {name}={value!r}.")
    sizes = ("resolution", "width", "discriminator_width", "discriminator_stem", "z_dim", "shared_dim", "n_classes")
    for name in sizes:
        value = getattr(spec, name)
        if not (is_integer(value, 1) or (value is None and type(None) in get_args(hints[name]))):
            raise ValueError(f"{name} must be a positive integer; received {name}={value!r}.")
    if not (spec.upsamples is None or isinstance(spec.upsamples, tuple)):
        raise ValueError(f"upsamples must be a tuple or None; received upsamples={spec.upsamples!r}.")
    if not (isinstance(spec.pools, tuple) or is_integer(spec.pools, 0)):
        raise ValueError(f"pools must be an integer or a tuple; received pools={spec.pools!r}.")


def _check_sizes(spec: "GANSpec") -> None:
    for name, blocks in (("upsamples", len(spec.generator_ladder) - 1), ("pools", len(spec.discriminator_ladder))):
        value = getattr(spec, name)
        if isinstance(value, tuple) and (len(value) != blocks or not {*value} <= {True, False}):
            raise ValueError(
                f"{name} must hold True or False for each of the {blocks} blocks; received {name}={value!r}."
            )
    ups = sum(spec.generator_upsamples)
    if ups < 1 or spec.resolution != 4 * 2**ups:
        where = "generator_ladder must have log2(resolution / 4) + 1 entries"
        if spec.upsamples is not None:
            where = "upsamples must be True log2(resolution / 4) times"
        raise ValueError(
            f"{where}; received resolution={spec.resolution}, generator_ladder={spec.generator_ladder}, "
            f"upsamples={spec.upsamples}. Give a ladder that doubles 4 pixels up to the resolution."
        )
    most = min(ups, len(spec.discriminator_ladder))
    if not 1 <= sum(spec.discriminator_pools) <= most:
        raise ValueError(
            f"pools must be between 1 and {most} for this resolution and discriminator_ladder; received "
            f"pools={spec.pools}."
        )


def _check_blocks(spec: "GANSpec") -> None:
    if spec.rgb_channels < 3:
        raise ValueError(
            "wide_rgb=True must have three channels before the last convolution at least; received "
            f"generator_ladder={spec.generator_ladder}, width={spec.width}. Increase the width."
        )
    if spec.block == "basic":
        if spec.discriminator_stem is not None or not all(spec.generator_upsamples):
            raise ValueError(
                "discriminator_stem and blocks of G that keep the size must go with block='bottleneck'; received "
                f"discriminator_stem={spec.discriminator_stem}, upsamples={spec.upsamples}. Leave them out."
            )
        return
    if spec.thin_discriminator:
        raise ValueError(
            "thin_discriminator must be False with block='bottleneck', which is a quarter as wide inside; received "
            "thin_discriminator=True. Leave it out."
        )
    if spec.discriminator_stem is None:
        raise ValueError(
            "discriminator_stem must be a positive integer with block='bottleneck', whose first block takes features "
            "rather than an image; received discriminator_stem=None. BigGAN-deep has 1."
        )
    narrows = all(a >= b for a, b in itertools.pairwise(spec.generator_channels))
    widens = all(a <= b for a, b in zip(spec.discriminator_inputs, spec.discriminator_channels, strict=True))
    if not (narrows and widens and min(spec.generator_hidden + spec.discriminator_hidden) > 0):
        raise ValueError(
            "block='bottleneck' must have channels that don't increase from block to block in G and don't decrease in "
            "D, whose shortcuts drop and add channels, and at least four of them; received "
            f"generator_ladder={spec.generator_ladder}, width={spec.width}, "
            f"discriminator_stem={spec.discriminator_stem}, discriminator_ladder={spec.discriminator_ladder}, "
            f"discriminator_width={spec.discriminator_width}. Change the ladders or the widths."
        )


def _check_attention(spec: "GANSpec") -> None:
    for network, sizes in (("g", spec.generator_sizes), ("d", spec.discriminator_sizes)):
        wanted, blocks = getattr(spec, f"attention_{network}"), getattr(spec, f"attention_blocks_{network}")
        if not isinstance(wanted, tuple) or not set(wanted) <= set(sizes):
            raise ValueError(
                f"attention_{network} must be a tuple of the network's map sizes {tuple(dict.fromkeys(sizes))}; "
                f"received attention_{network}={wanted!r}. For none, give ()."
            )
        if blocks is not None and (wanted or not isinstance(blocks, tuple) or not {*blocks} <= {*range(len(sizes))}):
            raise ValueError(
                f"attention_blocks_{network} must be a tuple of blocks' numbers, 0 to {len(sizes) - 1}, without "
                f"attention_{network} beside it; received attention_blocks_{network}={blocks!r}, "
                f"attention_{network}={wanted!r}. Set attention_{network}=() or leave attention_blocks_{network} out."
            )
    _check_attending_channels(spec)
    if spec.long_range == "residual" and spec.attention_form == "paper":
        raise ValueError(
            "long_range='residual' must be matched to the code's or v1's attention (5C^2/4 + 1 parameters); "
            "received attention_form='paper'. Leave attention_form at 'code'."
        )


def _check_attending_channels(spec: "GANSpec") -> None:
    """Queries and keys, and the residual block inside, have 1/QUERY_DIVISOR of a map's channels."""
    attention, least = spec.long_range == "attention", QUERY_DIVISOR
    wanted = f"a multiple of {least} channels" if attention else f"{least} channels or more"
    d_width = "width" if spec.discriminator_width is None else "discriminator_width"
    networks = (
        ("g", "width", spec.generator_channels[1:], spec.generator_attends, spec.generator_sizes),
        ("d", d_width, spec.discriminator_channels, spec.discriminator_attends, spec.discriminator_sizes),
    )
    for network, width, *columns in networks:
        for channels, attends, size in zip(*columns, strict=True):
            if attends and (channels % least if attention else channels < least):
                raise ValueError(
                    f"the maps that {network.upper()} attends to must have {wanted}; received {channels} channels on "
                    f"the map of {size}x{size} (attention_{network}={getattr(spec, f'attention_{network}')}, "
                    f"{width}={getattr(spec, width)}). Change the width or the map."
                )


def _check_latent(spec: "GANSpec") -> None:
    for name, taken in (("hierarchical", "the chunks of z"), ("condition_includes_z", "all of z")):
        if getattr(spec, name) and spec.conditioning != "shared":
            raise ValueError(
                f"{name}=True must go with conditioning='shared', whose linear maps take {taken}; received "
                f"conditioning={spec.conditioning!r}. Set conditioning='shared' or {name}=False."
            )
    if spec.hierarchical and spec.condition_includes_z:
        raise ValueError(
            "hierarchical=True (BigGAN) must not be combined with condition_includes_z=True (BigGAN-deep), which does "
            "not split z; received both. Leave one of them out."
        )
    if spec.hierarchical and spec.z_dim % len(spec.generator_ladder):
        raise ValueError(
            f"z_dim must be a multiple of {len(spec.generator_ladder)} (a chunk for the dense layer and one for "
            f"each block) when hierarchical; received z_dim={spec.z_dim}."
        )


def _check_constants(spec: "GANSpec") -> None:
    for name in ("norm_decay", "final_norm_decay"):
        if not 0 <= getattr(spec, name) < 1:
            raise ValueError(f"{name} must be in [0, 1); received {name}={getattr(spec, name)!r}.")
    for name in ("norm_epsilon", "final_norm_epsilon", "spectral_norm_epsilon", "convolution_gain"):
        if not getattr(spec, name) > 0:
            raise ValueError(f"{name} must be positive; received {name}={getattr(spec, name)!r}.")
