"""DeepMind's published BigGAN-deep generators (TF-Hub, 128, 256 and 512 px): variables and statistics of their modules.

Weights are read from the moving averages (".../ema_0.9999"), u from ".../u0", as it is before its iteration. The
condition is [z, embedding] and the first dense layer (4,4,C)-major. The statistics are not variables: the graph stacks
constants, one for each truncation, and among its operations `stack`, `stack_1`, ... the norm number k, in the order of
the network, has its means in number 5k + 1 and its variances in number 5k + 3 (Hugging Face's converter reads them so).
The modules have no description; the sizes follow from the shapes of the variables, and the rest from the published
networks: two blocks at each resolution, of which the second doubles it, and attention before the first block that takes
its channels.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagan_tf.interop.condition_order import reordered, takes_z_and_embedding
from sagan_tf.interop.graph_constants import evaluated, read_nodes
from sagan_tf.interop.huggingface_biggan import spec_of
from sagan_tf.interop.tensor_files import WeightsError, check_finite, check_fit
from sagan_tf.interop.tfhub_biggan import StoredVariables
from sagan_tf.models.spec import GANSpec

Shapes = Mapping[str, tuple[int, ...]]
Values = dict[str, np.ndarray]

_EMA = "/ema_0.9999"
_ATTENTION = {"query": "theta", "key": "phi", "value": "g", "out": "o_conv"}
_TOP = {"dense": "Generator/GenZ/G_linear", "to_rgb": "Generator/conv_to_rgb", "shared": "linear"}
_LEAF = {"kernel": "w" + _EMA, "bias": "b" + _EMA, "u": "u0"}
_MAPS = {"gain": "scale", "bias": "offset"}
_NORMS = 4  # in each block
_EPSILON = 1e-4
_STACK = re.compile(r"(?:module/|module_apply_default/)?stack_(\d+)")


def name_there(name: str) -> str:
    """Our name of a variable of G as theirs: "blocks.2.norm_1.gain.u" -> "Generator/GBlock_2/BatchNorm/scale/u0"."""
    name = re.sub(r"\.layer(?=\.(kernel|bias)$)", "", name)
    owner, _, leaf = name.rpartition(".")
    if name.startswith("blocks."):
        _, number, part, *rest = owner.split(".")
        kind, _, place = part.partition("_")
        scope = "Generator/GBlock" + (f"_{number}" if number != "0" else "")
        if kind == "conv":
            return f"{scope}/conv{int(place) - 1}/{_LEAF[leaf]}"
        norm = "BatchNorm" + (f"_{int(place) - 1}" if place != "1" else "")
        return f"{scope}/{norm}/{_MAPS[rest[0]]}/{_LEAF[leaf]}"
    if name.startswith("long_range."):
        part = owner.split(".")[2:]
        scope = "Generator/attention"
        return f"{scope}/{_ATTENTION[part[0]]}/{_LEAF[leaf]}" if part else f"{scope}/gamma{_EMA}"
    if owner == "final_norm":
        return f"Generator/BatchNorm/{_MAPS[leaf]}{_EMA}"
    return f"{_TOP[owner]}/{_LEAF[leaf]}"


def is_deep(folder: Path) -> bool:
    """Whether the module's variables have the names of BigGAN-deep."""
    return any(name.endswith(_EMA) for name in StoredVariables(folder).shapes)


@dataclass(frozen=True)
class DeepModule:
    """An unpacked module, its networks and its variables."""

    folder: Path
    spec: GANSpec
    variables: StoredVariables

    @property
    def _graph(self) -> Path:
        return self.folder / "saved_model.pb"

    @property
    def has_statistics(self) -> bool:
        """Whether the module's graph, which contains them, exists."""
        return self._graph.is_file()

    def values(self, spec: GANSpec, shapes: Shapes) -> Values:
        """The weights as values for our variables of G, with the statistics of truncation 1, if there are any.

        Raises:
          WeightsError: if a tensor is missing, extra, misshapen or not finite, or if the statistics don't fit.
        """
        source = str(self.folder)
        wanted = {name: name_there(name) for name in shapes if ".statistics." not in name}
        needed = {theirs: tuple(shapes[name]) for name, theirs in wanted.items()}
        compared = {n: self.variables.read(n) for n in self.variables.shapes if n in needed or n.endswith(_EMA)}
        # vectors are stored with axes of one in front: (1,1,1,C), (1,C)
        compared |= {n: np.squeeze(a) for n, a in compared.items() if len(needed.get(n, (0, 0))) < 2}
        check_fit(needed, compared, source)
        check_finite(compared, source)
        values = {}
        for name, theirs in wanted.items():
            array = compared[theirs]
            if takes_z_and_embedding(spec, name):
                array = reordered(array, spec, "z_embedding")
            values[name] = array.astype(np.float32)
        sets = self.sets(spec, shapes)
        return values | (sets[-1] if sets else {})

    def sets(self, spec: GANSpec, shapes: Shapes) -> list[Values]:
        """The sets of statistics for the truncations 0 to 1; none where the module's graph is missing.

        Raises:
          WeightsError: if they don't fit the network, or depend on anything but constants.
        """
        if not self.has_statistics:
            return []
        arrays = _stacked(self._graph, _in_order(spec), shapes)
        (count,) = {len(array) for array in arrays.values()}
        return [{name: array[i] for name, array in arrays.items()} for i in range(count)]


def opened(folder: Path) -> DeepModule:
    """Opens an unpacked module, and derives its networks from the shapes of its variables.

    Raises:
      WeightsError: if there is none, or its variables are not those of BigGAN-deep.
    """
    variables = StoredVariables(folder)
    try:
        return DeepModule(folder, _spec(variables.shapes, folder), variables)
    except (IndexError, ZeroDivisionError, ValueError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"the variables of {folder} must have the shapes of BigGAN-deep's; received others ({error}). Unpack a "
            "module such as biggan-deep-128 there."
        ) from error


def _spec(shapes: Shapes, folder: Path) -> GANSpec:
    def shape(name: str) -> tuple[int, ...]:
        if name + _EMA not in shapes:
            raise WeightsError(
                f"the variables of {folder} must be those of BigGAN-deep; received none named {name + _EMA}. Unpack "
                "a module such as biggan-deep-128 there."
            )
        return shapes[name + _EMA]

    scopes = sorted({int(found[1] or 0) for n in shapes if (found := re.match(r"Generator/GBlock(?:_(\d+))?/", n))})
    blocks = [f"Generator/GBlock_{i}" if i else "Generator/GBlock" for i in scopes]
    inputs = [shape(f"{block}/conv0/w")[-2] for block in blocks]
    outputs = [shape(f"{block}/conv3/w")[-1] for block in blocks]
    attended, width = shape("Generator/attention/theta/w")[-2], shape("Generator/conv_to_rgb/w")[-2]
    classes, embedded = shape("linear/w")
    described = {
        "layers": [(i % 2 == 1, a // width, b // width) for i, (a, b) in enumerate(zip(inputs, outputs, strict=True))],
        "attention_layer_position": inputs.index(attended) if attended in inputs else len(inputs),
        "channel_width": width,
        "z_dim": shape("Generator/GenZ/G_linear/w")[0] - embedded,
        "class_embed_dim": embedded,
        "num_classes": classes,
        "eps": _EPSILON,
    }
    return spec_of(described)


def _in_order(spec: GANSpec) -> list[str]:
    """Our names of G's norms, in the order of the network."""
    blocks = range(len(spec.generator_channels) - 1)
    return [f"blocks.{i}.norm_{j + 1}" for i in blocks for j in range(_NORMS)] + ["final_norm"]


def _stacked(path: Path, norms: list[str], shapes: Shapes) -> dict[str, np.ndarray]:
    """The stacked statistics (T,C) by our names."""
    nodes = read_nodes(path)
    stacks = {int(found[1]): name for name in nodes if (found := _STACK.fullmatch(name))}
    wanted, kinds = {}, (("moving_mean", 1), ("moving_variance", 3))
    for k, norm in enumerate(norms):
        wanted |= {f"{norm}.statistics.{kind}": 5 * k + place for kind, place in kinds}
    missing = [f"stack_{number}" for number in wanted.values() if number not in stacks]
    if missing:
        raise WeightsError(
            f"the graph of {path} must stack means and variances for each of the network's {len(norms)} norms; "
            f"received none named {missing[0]}. Unpack the module that belongs to the variables."
        )
    found = dict(zip(wanted, evaluated(nodes, [stacks[n] for n in wanted.values()], str(path)), strict=True))
    sets = len(np.atleast_1d(found["final_norm.statistics.moving_mean"]))
    needed = {name: (sets, *shapes[name]) for name in wanted}
    check_fit(needed, found, str(path))
    check_finite(found, str(path))
    return {name: array.astype(np.float32) for name, array in found.items()}
