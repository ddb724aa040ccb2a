"""DeepMind's published BigGAN generators (TF-Hub, 128, 256, 512 px): maps the variables of their SavedModels to ours.

Pitfalls: weights are read from the moving averages (".../ema_b999900"); the conditional norms' maps take
[chunk, embedding] where those of `families.biggan` take [embedding, chunk]; statistics are sums with a counter; every
epsilon is 1e-4 (the default of `families.biggan`); the 512 px module has z of 128 entries. The first dense layer is
(4,4,C)-major, as ours.
"""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.foundation.tensorflow_names import readable_by_tensorflow
from sagan_tf.interop.condition_order import reordered, takes_z_and_embedding
from sagan_tf.interop.tensor_files import WeightsError, check_finite, check_fit
from sagan_tf.models.spec import GANSpec

_EMA = "/ema_b999900"
_BLOCK = {"conv_1": "conv0", "conv_2": "conv1", "shortcut": "conv_sc"}
_ATTENTION = {"query": "theta", "key": "phi", "value": "g", "out": "o_conv"}
_TOP = {"dense": "Generator/G_Z/G_linear", "to_rgb": "Generator/conv_2d", "shared": "linear"}
_LEAF = {"kernel": "w" + _EMA, "bias": "b" + _EMA, "u": "u0"}
_STATISTICS = {"moving_mean": "accumulated_mean", "moving_variance": "accumulated_var"}


def name_there(name: str) -> str:
    """Converts our name of a variable of G to theirs, without the "module/" that may precede it."""
    name = re.sub(r"\.layer(?=\.(kernel|bias)$)", "", name)
    owner, _, leaf = name.rpartition(".")
    if name.startswith("blocks."):
        return _in_block(owner, leaf)
    if name.startswith("final_norm."):
        scope = "Generator/ScaledCrossReplicaBN"
        return f"{scope}bn/{_STATISTICS[leaf]}" if leaf in _STATISTICS else f"{scope}/{_affine(leaf)}{_EMA}"
    if name.startswith("long_range."):
        part = owner.split(".")[2:]
        scope = "Generator/attention"
        return f"{scope}/{_ATTENTION[part[0]]}/{_LEAF[leaf]}" if part else f"{scope}/gamma{_EMA}"
    return f"{_TOP[owner]}/{_LEAF[leaf]}"


def _in_block(owner: str, leaf: str) -> str:
    _, number, part, *rest = owner.split(".")
    scope = "Generator/GBlock" + (f"_{number}" if number != "0" else "")
    if part in _BLOCK:
        return f"{scope}/{_BLOCK[part]}/{_LEAF[leaf]}"
    suffix = "_1" if part == "norm_2" else ""
    if leaf in _STATISTICS:
        return f"{scope}/CrossReplicaBN{suffix}/{_STATISTICS[leaf]}"
    return f"{scope}/HyperBN{suffix}/{_affine(rest[0])}/{_LEAF[leaf]}"


def _affine(part: str) -> str:
    return {"gain": "gamma", "bias": "beta"}[part]


def load(folder: Path, spec: GANSpec, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """A module's generator as values for our variables of G. shapes: our names and shapes.

    folder: the unpacked SavedModel, with `variables/variables.index`. Only its variables are read; no graph is run.

    Raises:
      WeightsError: if there is none, or a tensor is missing, extra, misshapen or not finite.
    """
    there = read(folder)
    wanted = {name: name_there(name) for name in shapes}
    needed = {theirs: tuple(shapes[name]) for name, theirs in wanted.items()}
    compared = {n: a for n, a in there.items() if n in needed or n.endswith(_EMA)}
    # vectors are stored with axes of one in front: (1,1,1,C), (1,C)
    compared |= {n: np.squeeze(a) for n, a in compared.items() if len(needed.get(n, (0, 0))) < 2}
    check_fit(needed, compared, str(folder))
    check_finite(compared, str(folder))
    return {name: _converted(spec, name, compared[theirs], there, theirs) for name, theirs in wanted.items()}


class StoredVariables:
    """The variables of an unpacked module, or of a checkpoint in a folder; no graph is read and none is run.

    Attributes:
      shapes: by name, without a leading "module/".

    Raises:
      WeightsError: if there are none, or they can't be read.
    """

    def __init__(self, folder: Path):
        prefix = _prefix(folder)
        if prefix is None:
            raise WeightsError(
                f"--generator must be a folder with variables/variables.index; received {folder}. Unpack the module, "
                "such as biggan-128, there."
            )
        self._open = contextlib.ExitStack()  # for as long as this object reads
        try:
            place = self._open.enter_context(readable_by_tensorflow(Path(prefix).parent))
            self._reader = tf.train.load_checkpoint(str(Path(place, Path(prefix).name)))
            stored = self._reader.get_variable_to_shape_map()
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise WeightsError(
                f"{prefix} must be a whole checkpoint; received {_line(error)}. Unpack it again."
            ) from error
        self._names = {name.removeprefix("module/"): name for name in stored}
        self.shapes = {name: tuple(stored[original]) for name, original in self._names.items()}

    def read(self, name: str) -> np.ndarray:
        """A variable's value.

        Raises:
          WeightsError: if the files are damaged.
        """
        try:
            return np.asarray(self._reader.get_tensor(self._names[name]))
        except (tf.errors.OpError, RuntimeError) as error:
            raise WeightsError(f"{name} must be readable; received {_line(error)}. Unpack the module again.") from error


def has_variables(folder: Path) -> bool:
    """Whether a folder is an unpacked module, or holds a checkpoint."""
    return _prefix(folder) is not None


def _prefix(folder: Path) -> str | None:
    """The prefix of the checkpoint's files: "variables/variables", or the newest checkpoint of a folder.

    Raises:
      WeightsError: if there are several and TensorFlow's file `checkpoint` doesn't say which is the newest.
    """
    if (folder / "variables" / "variables.index").is_file():
        return str(folder / "variables" / "variables")
    with readable_by_tensorflow(folder) as place:
        newest = tf.train.latest_checkpoint(place)
    if newest is not None:
        return str(folder / Path(newest).relative_to(place)) if Path(newest).is_relative_to(place) else newest
    there = sorted(path.stem for path in folder.glob("*.index"))
    if len(there) > 1:
        raise WeightsError(
            "--generator must be a folder with one checkpoint, or with TensorFlow's file `checkpoint`, which names the "
            f"newest; received {folder} with {', '.join(there)}. Move the others elsewhere."
        )
    return str(folder / there[0]) if there else None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def read(folder: Path) -> dict[str, np.ndarray]:
    """All variables of the SavedModel by name, without a leading "module/".

    Raises:
      WeightsError: if there are none, or they can't be read.
    """
    stored = StoredVariables(folder)
    return {name: stored.read(name) for name in stored.shapes}


def _converted(spec: GANSpec, name: str, array: np.ndarray, there: Mapping, theirs: str) -> np.ndarray:
    if name.endswith(("moving_mean", "moving_variance")):
        counter = there.get(theirs.rpartition("/")[0] + "/accumulation_counter")
        if counter is None or not counter > 0:
            raise WeightsError(f"{theirs} must come with a positive accumulation_counter; received {counter}.")
        return (array / counter).astype(np.float32)
    if takes_z_and_embedding(spec, name):
        return reordered(array, spec, "z_embedding").astype(np.float32)
    return array.astype(np.float32)
