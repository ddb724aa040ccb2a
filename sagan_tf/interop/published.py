"""Published weights of a generator in any format: their description of the networks, their values and statistics."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sagan_tf.foundation.option_names import WeightsFormat
from sagan_tf.interop import biggan_pytorch, huggingface_biggan, tfhub_biggan, tfhub_biggan_deep, weight_files
from sagan_tf.interop.tensor_files import WeightsError
from sagan_tf.models.spec import GANSpec

Shapes = Mapping[str, tuple[int, ...]]
Values = dict[str, np.ndarray]

_WEIGHTS = ("pytorch_model.bin", "model.safetensors", "pytorch_model.npz")  # in a folder of Hugging Face's port
_CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A generator's published weights.

    Attributes:
      form: their format.
      spec: the networks that the files describe; None if only a gin file can.
      values: (spec, shapes) -> values for our variables of G by name; shapes: their names and shapes.
      has_statistics: whether there are statistics with the weights, in one set or in several.
      sets: (spec, shapes) -> the statistics of the truncations 0 to 1, evenly spaced; none if none were published.
    """

    form: WeightsFormat
    values: Callable[[GANSpec, Shapes], Values]
    spec: GANSpec | None = None
    has_statistics: bool = True
    sets: Callable[[GANSpec, Shapes], Sequence[Values]] = lambda spec, shapes: ()


def opened(path: Path, form: WeightsFormat | None) -> Published:
    """Opens published weights, and reads what describes their networks. form: None to determine it from the files.

    Raises:
      WeightsError: if they don't exist, can't be read, or contradict themselves.
    """
    form = form or form_of(path)
    if form == "huggingface_biggan":
        return _huggingface(path)
    if form == "tfhub_biggan_deep":
        module = tfhub_biggan_deep.opened(path)
        held = module.has_statistics
        return Published(form=form, spec=module.spec, values=module.values, sets=module.sets, has_statistics=held)
    load = {"biggan_pytorch": biggan_pytorch.load, "tfhub_biggan": tfhub_biggan.load}[form]
    return Published(form=form, values=partial(load, path))


def form_of(path: Path) -> WeightsFormat:
    """The format of weights, by the names of their files and variables.

    Raises:
      WeightsError: if the format is unknown.
    """
    if path.is_file() and path.suffix in weight_files.READERS:
        return "huggingface_biggan" if _config_beside(path).is_file() else "biggan_pytorch"
    if any((path / name).is_file() for name in _WEIGHTS):
        return "huggingface_biggan"
    if path.is_dir() and tfhub_biggan.has_variables(path):
        return "tfhub_biggan_deep" if tfhub_biggan_deep.is_deep(path) else "tfhub_biggan"
    if (path / _CONFIG).is_file():
        return "huggingface_biggan"
    raise WeightsError(
        f"--generator must be a file ending in {', '.join(weight_files.READERS)}, a folder with {_WEIGHTS[0]} and "
        f"{_CONFIG}, or an unpacked module with variables/variables.index; received {path}, which is "
        f"{'none of these' if path.exists() else 'missing'}."
    )


def _huggingface(path: Path) -> Published:
    weights, config = _files(path)
    described = _config(config)
    spec = huggingface_biggan.spec_of(described)
    arrays = weight_files.read(weights)
    source, count = str(weights), described["n_stats"]
    found = np.atleast_1d(arrays.get("generator.bn.running_means", np.zeros([count, 0])))
    if len(found) != count:
        raise WeightsError(
            f"{source} must hold statistics of as many truncations as {config.name} says, n_stats={count}; received "
            f"{len(found)} in generator.bn.running_means. Use the {_CONFIG} that belongs to the weights."
        )
    return Published(
        form="huggingface_biggan",
        spec=spec,
        values=lambda spec, shapes: huggingface_biggan.convert(arrays, spec, shapes, source),
        sets=lambda spec, shapes: huggingface_biggan.statistics_sets(arrays, spec, shapes, source)[0],
    )


def _files(path: Path) -> tuple[Path, Path]:
    """The weights and the configuration of Hugging Face's port in a folder, or next to a file."""
    if path.is_dir():
        weights = next((path / name for name in _WEIGHTS if (path / name).is_file()), path / _WEIGHTS[0])
        config = path / _CONFIG
    else:
        weights, config = path, _config_beside(path)
    missing = [file.name for file in (weights, config) if not file.is_file()]
    if missing:
        raise WeightsError(
            f"weights of Hugging Face's port must be {_WEIGHTS[0]} and {_CONFIG} in one folder; received {path}, where "
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing. Put both files there: the "
            "configuration contains the sizes of the network."
        )
    return weights, config


def _config_beside(weights: Path) -> Path:
    """ "biggan-deep-128-config.json" for "biggan-deep-128-pytorch_model.bin", the names of the published files."""
    prefix = next((weights.name.removesuffix(name) for name in _WEIGHTS if weights.name.endswith(name)), "")
    return weights.with_name(prefix + _CONFIG)


def _config(path: Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        entries = {"eps": 1e-4, "n_stats": 51, **found}  # the port's defaults
        embedded, z_dim = entries.get("class_embed_dim"), entries.get("z_dim")
        if not isinstance(entries["n_stats"], int) or entries["n_stats"] < 1:
            raise ValueError(f"n_stats={entries['n_stats']!r}")
        if embedded not in (None, z_dim):
            raise ValueError(
                f"class_embed_dim={embedded} with z_dim={z_dim}, which must be equal in the port's networks"
            )
        return entries
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} must be the configuration of a BigGAN-deep generator as JSON; received {error}. Use the "
            f"{_CONFIG} that belongs to the weights."
        ) from error
