"""Imports weights of BigGAN-PyTorch, BigGAN and BigGAN-deep: names and layouts of every tensor of G and D.

Differences, each covered by a golden array in the tests: the outputs of the first dense layer are (C,4,4)-major, so
that kernel, bias and u are permuted together; u is stored as [1,O] on the output side and is not normalized; class
tables of the model without shared embedding are centered at zero, while ours hold the gain itself; `sv0` logs sigma and
is not a weight. The condition is [embedding, z]. The blocks of BigGAN-deep's D are numbered within its stages, those of
all other networks one after the other.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagan_tf.interop import weight_files
from sagan_tf.interop.condition_order import reordered, takes_z_and_embedding
from sagan_tf.interop.tensor_files import check_finite, check_fit
from sagan_tf.models.spec import GANSpec

Array = np.ndarray


@dataclass(frozen=True)
class Match:
    """A tensor of BigGAN-PyTorch: its name, the conversion of its values to ours, and of our shape to its shape."""

    name: str
    convert: Callable[[Array], Array]
    shape_there: Callable[[tuple[int, ...]], tuple[int, ...]]


_ATTENTION = {"query": "theta", "key": "phi", "value": "g", "out": "o", "conv_1": "conv1", "conv_2": "conv2"}
_BLOCK = {"shortcut": "conv_sc"} | {f"{kind}_{i}": f"{there}{i}" for i in (1, 2, 3, 4) for kind, there in (
    ("conv", "conv"), ("norm", "bn"))}  # fmt: skip
_TOP = {
    "dense": "linear",
    "shared": "shared",
    "stem": "input_conv",
    "final_norm": "output_layer.0",
    "to_rgb": "output_layer.2",
    "head.dense": "linear",
    "head.embedding": "embed",
    "head.classifier": "linear_aux",
}
_LEAF = {
    "kernel": "weight",
    "u": "u0",
    "statistics.moving_mean": "stored_mean",
    "statistics.moving_variance": "stored_var",
}


def name_there(name: str, depth: int = 1) -> str:
    """Converts our name of a variable to BigGAN-PyTorch's: "blocks.0.conv_1.layer.kernel" -> "blocks.0.0.conv1.weight".

    depth: the number of blocks in each of their lists, which attention may follow: in BigGAN-deep's D those of a stage,
      else one.
    """
    name = re.sub(r"\.layer(?=\.(kernel|bias)$)", "", name)
    if found := re.fullmatch(r"blocks\.(\d+)\.(\w+)\.(.+)", name):
        stage, place = divmod(int(found[1]), depth)
        return f"blocks.{stage}.{place}.{_BLOCK[found[2]]}.{_leaf(found[3])}"
    if found := re.fullmatch(r"long_range\.(\d+)\.(\w+)(?:\.(.+))?", name):
        layer = _ATTENTION.get(found[2], found[2])
        return f"blocks.{int(found[1]) // depth}.{depth}.{layer}" + (f".{_leaf(found[3])}" if found[3] else "")
    top = next(top for top in _TOP if name.startswith(top + "."))
    return f"{_TOP[top]}.{_leaf(name[len(top) + 1 :])}"


def _leaf(name: str) -> str:
    """The end of a name: "kernel" -> "weight", "gain.kernel" -> "gain.weight", "gain" stays."""
    if name in _LEAF:
        return _LEAF[name]
    head, _, tail = name.rpartition(".")
    return f"{head}.{_LEAF[tail]}" if head and tail in _LEAF else name


def matches(spec: GANSpec, names: Mapping[str, tuple[int, ...]]) -> dict[str, Match]:
    """The BigGAN-PyTorch tensor for each of our variables. names: our names (of G or of D) and shapes."""
    staged = spec.block == "bottleneck" and any(name.startswith("head.") for name in names)
    depth = _stage_depth(spec) if staged else 1
    return {name: Match(name_there(name, depth), *_layout(spec, name, shape)) for name, shape in names.items()}


def _stage_depth(spec: GANSpec) -> int:
    """The number of blocks in each stage of BigGAN-deep's D: from one that halves the map to the next."""
    pools = spec.discriminator_pools
    return next((i for i, halves in enumerate(pools) if halves and i), len(pools))


def _layout(spec: GANSpec, name: str, shape: tuple[int, ...]) -> tuple[Callable, Callable]:
    table = spec.conditioning == "tables" and re.search(r"norm_\d\.(gain|bias)\.kernel$", name)
    if name.startswith("dense."):
        return _first_dense(spec, name)
    if name.endswith(".u"):
        return lambda a: a.reshape(-1), lambda s: (1, *s)
    if len(shape) == 4:
        return lambda a: a.transpose(2, 3, 1, 0), lambda s: (s[3], s[2], s[0], s[1])
    if table:
        return (lambda a: a + 1.0 if ".gain." in name else a), lambda s: s
    if takes_z_and_embedding(spec, name):
        return lambda a: reordered(a.T, spec, "embedding_z"), lambda s: s[::-1]
    if len(shape) == 2 and not name.startswith(("shared.", "head.embedding.")):
        return np.transpose, lambda s: s[::-1]
    return np.asarray, lambda s: s


def _first_dense(spec: GANSpec, name: str) -> tuple[Callable, Callable]:
    """Permutes rows from (C,4,4)-major to our (4,4,C)-major."""
    channels = spec.generator_channels[0]

    def rows(a: Array) -> Array:
        return a.reshape(channels, 16, -1).transpose(1, 0, 2).reshape(16 * channels, -1)

    if takes_z_and_embedding(spec, name):
        return lambda a: reordered(rows(a).T, spec, "embedding_z"), lambda s: s[::-1]
    if name.endswith("kernel"):
        return lambda a: rows(a).T, lambda s: s[::-1]
    if name.endswith("u"):
        return lambda a: rows(a).reshape(-1), lambda s: (1, *s)
    return lambda a: rows(a).reshape(-1), lambda s: s


def is_weight(name: str) -> bool:
    """Whether a tensor of BigGAN-PyTorch takes part in the computation; `sv0` only logs sigma."""
    return not name.rpartition(".")[2].startswith("sv")


def load(path: Path, spec: GANSpec, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Reads a saved network as values for our variables.

    path: a .pth of BigGAN-PyTorch, whose tensors are read without torch and without running its pickle; or an .npz or
      .safetensors with the same names.
    shapes: our names (of G or of D) and shapes.

    Raises:
      WeightsError: if the file can't be read, or a tensor is missing, extra, misshapen or not finite.
    """
    return convert(weight_files.read(path), spec, shapes, str(path))


def convert(
    arrays: Mapping[str, Array], spec: GANSpec, shapes: Mapping[str, tuple[int, ...]], source: str
) -> dict[str, Array]:
    """A network of BigGAN-PyTorch, by its names, as values for our variables.

    shapes: our names (of G or of D) and shapes. source: the name of the arrays in messages.

    Raises:
      WeightsError: if a tensor is missing, extra, misshapen or not finite.
    """
    found = {name: array for name, array in arrays.items() if is_weight(name)}
    wanted = matches(spec, shapes)
    check_fit({m.name: m.shape_there(shapes[name]) for name, m in wanted.items()}, found, source)
    check_finite(found, source)
    return {name: m.convert(found[m.name]).astype(np.float32).reshape(shapes[name]) for name, m in wanted.items()}
