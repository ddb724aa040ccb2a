"""Imports generators of BigGAN-deep in the format of Hugging Face's pytorch-pretrained-BigGAN (DeepMind's weights).

Differences, each covered by a golden array in the tests: modules are numbered with the attention among the blocks;
linear layers are transposed and kernels OIHW; the rows of the first dense layer are (4,4,C)-major, as ours; the
condition is [z, embedding]; every norm has the statistics of several truncations. They use torch's spectral norm, which
in inference divides by u^T W v with the u and v of its last iteration, whereas ours starts from the u before it.
"""

import math
import re
from collections.abc import Mapping

import numpy as np

from sagan_tf.interop.condition_order import reordered, takes_z_and_embedding
from sagan_tf.interop.tensor_files import WeightsError, check_finite, check_fit
from sagan_tf.models.spec import GANSpec

Array = np.ndarray
Shapes = Mapping[str, tuple[int, ...]]

_TOP = {"shared": "embeddings", "dense": "generator.gen_z", "final_norm": "generator.bn",
        "to_rgb": "generator.conv_to_rgb"}  # fmt: skip
_ATTENTION = {name: f"snconv1x1_{theirs}" for name, theirs in (
    ("query", "theta"), ("key", "phi"), ("value", "g"), ("out", "o_conv"))}  # fmt: skip
_MAPS = {"gain": "scale", "bias": "offset"}
_STATISTICS = {"statistics.moving_mean": "running_means", "statistics.moving_variance": "running_vars"}
_WEAK = 1e-4  # singular values below this share of the largest don't count for a sigma
_SIGMA_TOLERANCE = 1e-4  # relative error of sigma from which u and v are not those of a power iteration


def spec_of(config: Mapping) -> GANSpec:
    """The networks described by their config.json; D, which is not published, mirrors G as in the paper.

    config: `layers` ([whether it upsamples, input and output channels as multiples of the width] of each block),
      `attention_layer_position` (the number of the block before which G attends), `channel_width`, `z_dim` (also the
      length of the embedding), `num_classes`, `eps`, and `output_dim` (the resolution), as in their BigGANConfig.

    Raises:
      WeightsError: if an entry is missing or contradicts another.
    """
    try:
        layers = tuple((bool(up), int(inputs), int(outputs)) for up, inputs, outputs in config["layers"])
        place, width, z_dim, n_classes = (
            int(config[name]) for name in ("attention_layer_position", "channel_width", "z_dim", "num_classes")
        )
        epsilon = float(config["eps"])
        resolution = 4 * 2 ** sum(up for up, _, _ in layers)
        ladder = (layers[0][1], *(outputs for _, _, outputs in layers))
        if ladder[:-1] != tuple(inputs for _, inputs, _ in layers) or place < 1:
            raise ValueError(
                "blocks whose inputs do not match the outputs of the previous block, or attention before the first "
                "block"
            )
        if int(config.get("output_dim", resolution)) != resolution:
            raise ValueError(f"output_dim={config['output_dim']} with layers for {resolution} pixels")
        ups = tuple(up for up, _, _ in layers)
        return GANSpec(
            resolution=resolution,
            block="bottleneck",
            generator_ladder=ladder,
            upsamples=ups,
            discriminator_stem=ladder[-1],
            discriminator_ladder=ladder[-2::-1],
            pools=ups[::-1],
            width=width,
            n_classes=n_classes,
            z_dim=z_dim,
            conditioning="shared",
            shared_dim=z_dim,
            condition_includes_z=True,
            condition_order="z_embedding",
            wide_rgb=True,
            **_attention(ups, place),
            initializer="orthogonal",
            norm_decay=0.9,
            final_norm_decay=0.9,
            norm_epsilon=epsilon,
            final_norm_epsilon=epsilon,
            spectral_norm_epsilon=epsilon,
            cross_replica_norm=True,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(
            f"the configuration must be that of a BigGAN-deep generator; received {reason}. Use the config.json that "
            "belongs to the weights."
        ) from error


def _attention(ups: tuple[bool, ...], place: int) -> dict[str, tuple[int, ...]]:
    """The positions of attention: before G's block of this number, and at the mirrored position in D."""
    if place >= len(ups):
        return {}
    side = 4 * 2 ** sum(ups[:place])
    if ups[place - 1]:  # the first block of G, and the last of D, with maps of this side
        return {"attention_g": (side,), "attention_d": (side,)}
    return {"attention_blocks_g": (place - 1,), "attention_blocks_d": (len(ups) - 1 - place,)}


def name_there(spec: GANSpec, name: str) -> str:
    """Converts our name of a variable of G to theirs: "blocks.0.conv_1.layer.kernel" ->
    "generator.layers.0.conv_0.weight_orig".

    u has their name, though it is not the same vector (see `convert`).
    """
    normalized = spec.spectral_norm_g and not name.startswith("shared.")
    name = re.sub(r"\.layer(?=\.(kernel|bias)$)", "", name)
    attends = spec.generator_attends
    if found := re.fullmatch(r"blocks\.(\d+)\.(norm|conv)_(\d)\.(.+)", name):
        layer = int(found[1]) + sum(attends[: int(found[1])])
        kind = "bn" if found[2] == "norm" else "conv"
        return f"generator.layers.{layer}.{kind}_{int(found[3]) - 1}.{_leaf(found[4], normalized)}"
    if found := re.fullmatch(r"long_range\.(\d+)\.(\w+)(?:\.(.+))?", name):
        layer = f"generator.layers.{int(found[1]) + 1 + sum(attends[: int(found[1])])}"
        return f"{layer}.{_ATTENTION[found[2]]}.{_leaf(found[3], normalized)}" if found[3] else f"{layer}.{found[2]}"
    top = next(top for top in _TOP if name.startswith(top + "."))
    leaf = name[len(top) + 1 :]
    return f"{_TOP[top]}.{'weight' if (top, leaf) == ('final_norm', 'gain') else _leaf(leaf, normalized)}"


def _leaf(name: str, normalized: bool) -> str:
    """The end of a name: "kernel" -> "weight_orig", "gain.kernel" -> "scale.weight_orig", "bias" stays."""
    if name in _STATISTICS:
        return _STATISTICS[name]
    head, _, tail = name.rpartition(".")
    tail = {"kernel": "weight_orig" if normalized else "weight", "u": "weight_u"}.get(tail, tail)
    return f"{_MAPS[head]}.{tail}" if head else tail


def convert(
    arrays: Mapping[str, Array], spec: GANSpec, shapes: Shapes, source: str, *, statistics: int = -1
) -> dict[str, Array]:
    """Converts one of their generators to values for our variables.

    arrays: a state dict. A `weight` is derived from its `weight_orig` and is ignored.
    shapes: our names of G's variables and their shapes.
    source: the name of the arrays in messages.
    statistics: the index of the set of statistics that become the moving ones; the last is for truncation 1.

    Raises:
      WeightsError: if a tensor is missing, extra, misshapen or not finite, or u and v are not those of an iteration.
    """
    found = _checked(arrays, spec, shapes, source)
    values = {}
    for name, shape in shapes.items():
        there = name_there(spec, name)
        array = found[there]
        if there.endswith("weight_u"):
            array = _u_before(found[f"{there[:-2]}_orig"], array, found[f"{there[:-2]}_v"], there)
        elif there.endswith(tuple(_STATISTICS.values())):
            array = array[statistics]
        elif array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        elif array.ndim == 2:
            array = reordered(array.T, spec, "z_embedding") if takes_z_and_embedding(spec, name) else array.T
        values[name] = array.astype(np.float32).reshape(shape)
    return values


def statistics_sets(
    arrays: Mapping[str, Array], spec: GANSpec, shapes: Shapes, source: str
) -> tuple[list[dict[str, Array]], list[float]]:
    """The sets of statistics under our names, and the truncation of each: 0, 0.02, ..., 1 for the published 51.

    The result is what `models.inference.bake` takes. Between two truncations, their own code swaps the weights of the
    two sets (it gives more weight to the one that is further away); `bake` interpolates linearly.

    Raises:
      WeightsError: as `convert`.
    """
    found = _checked(arrays, spec, shapes, source)
    names = {name: name_there(spec, name) for name in shapes if ".statistics." in name}
    count = len(found[next(iter(names.values()))])
    sets = [{name: found[there][i].astype(np.float32) for name, there in names.items()} for i in range(count)]
    return sets, [1.0] if count == 1 else [i / (count - 1) for i in range(count)]


def _checked(arrays: Mapping[str, Array], spec: GANSpec, shapes: Shapes, source: str) -> dict[str, Array]:
    """The tensors that take part in the computation, checked to be complete, of the right shapes, and finite."""
    found = {name: array for name, array in arrays.items() if f"{name}_orig" not in arrays}
    final = found.get("generator.bn.running_means")
    sets = len(final) if final is not None and final.ndim == 2 else 1
    needed = {}
    for name, shape in shapes.items():
        there = name_there(spec, name)
        needed[there] = _shape_there(shape, there, sets)
        if there.endswith("weight_orig"):
            needed[there.removesuffix("_orig") + "_v"] = (math.prod(shape[:-1]),)
    check_fit(needed, found, source)
    check_finite(found, source)
    return found


def _shape_there(shape: tuple[int, ...], there: str, sets: int) -> tuple[int, ...]:
    if there.endswith(tuple(_STATISTICS.values())):
        return (sets, *shape)
    if len(shape) == 4:
        return (shape[3], shape[2], *shape[:2])
    return shape[::-1] or (1,)  # gamma is a vector of one


def _u_before(kernel: Array, u: Array, v: Array, name: str) -> Array:
    """The u from which one iteration gives their v, so that our sigma equals theirs, u^T W v.

    v is W^T u / |W^T u| for the u before the iteration, which is recovered except for its part in the null space of
    W^T.

    Raises:
      WeightsError: if their sigma is not that of such an iteration.
    """
    matrix = kernel.reshape(len(kernel), -1).astype(np.float64)  # (O,I)
    tall = matrix.shape[0] >= matrix.shape[1]
    values, vectors = np.linalg.eigh(matrix.T @ matrix if tall else matrix @ matrix.T)
    strong = values > _WEAK**2 * values[-1]

    def divided(x: Array) -> Array:
        """x times the pseudoinverse of the smaller of W^T W and W W^T."""
        return vectors[:, strong] @ ((vectors[:, strong].T @ x) / values[strong])

    before = matrix @ divided(v) if tall else divided(matrix @ v)
    direction = matrix.T @ before
    sigma, theirs = np.linalg.norm(matrix @ direction) / np.linalg.norm(direction), u @ matrix @ v
    if not abs(sigma - theirs) <= _SIGMA_TOLERANCE * sigma:
        raise WeightsError(
            f"{name} and {name[:-1]}v must be those of a power iteration of {name[:-2]}_orig; received a product of "
            f"{theirs:.6g} instead of {sigma:.6g}. Save the state of a network in inference after one pass in training."
        )
    return before / np.linalg.norm(before)
