"""Reads state dicts written by torch.save, without torch and without executing what a pickle refers to.

A pickle is a program: it may refer to any function of any module and call it. `TensorUnpickler` maps the few names that
plain tensors need to stand-ins in this file, and rejects all others. Both formats of torch.save are read:

* the zip archive (torch 1.6 and later): NAME/data.pkl, and a member NAME/data/KEY for each storage;
* the sequential form before it: pickles of a magic number, a protocol, the machine, the object and the storages' keys,
  and then for each storage its number of elements (int64) and its raw values.
"""

import functools
import io
import math
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagan_tf.interop.tensor_files import WeightsError, from_bfloat16

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
}  # fmt: skip


class _RefusedError(WeightsError):
    """The file could be read, but contains something other than tensors."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """The type of a storage's elements: a numpy code, or "bfloat16"."""

    code: str

    @property
    def size(self) -> int:
        return 2 if self.code == "bfloat16" else np.dtype(self.code).itemsize


@dataclass(frozen=True, slots=True)
class _Storage:
    """A storage, or the part of one from element `start` on."""

    key: str
    kind: _Kind
    count: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor as a view of a storage; offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Rebuild:
    """Stands for torch._utils._rebuild_tensor and _rebuild_tensor_v2, which a pickle calls for each tensor."""

    def __call__(self, storage, offset, shape, strides, *_) -> _Tensor:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or len(shape) != len(strides):
            raise ValueError("a tensor without a storage")
        if not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise ValueError(f"a tensor of shape {shape} with strides {strides} at {offset}")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


@dataclass(frozen=True, slots=True)
class _RebuildParameter:
    """Stands for torch._utils._rebuild_parameter."""

    def __call__(self, tensor, *_) -> _Tensor:
        return tensor


# The factory of the stand-in for each name. Each use gets a new one, so that a pickle cannot change those of other
# uses.
_KNOWN: dict[tuple[str, str], Callable[[], Any]] = {
    ("collections", "OrderedDict"): lambda: OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _Rebuild,
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild,
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter,
    **{("torch", name): functools.partial(_Kind, code) for name, code in _STORAGES.items()},
    **{("torch.storage", name): functools.partial(_Kind, code) for name, code in _STORAGES.items()},
}


class TensorUnpickler(pickle.Unpickler):
    """An unpickler that knows tensors, storages and dictionaries, and rejects any other name before it is imported."""

    def __init__(self, file: io.BufferedIOBase, source: str):
        super().__init__(file, encoding="utf-8")
        self._source = source

    def find_class(self, module: str, name: str) -> Any:
        make = _KNOWN.get((module, name))
        if make is None:
            raise _RefusedError(
                f"{self._source} must contain only tensors; received a pickle that refers to {module}.{name}, which "
                "loading would execute. Nothing was executed. Save only the state dict of the network, or save it as "
                ".safetensors."
            )
        return make()

    def persistent_load(self, pid: Any) -> _Storage:
        word, kind, key, _, count, *view = pid
        if word != "storage" or not isinstance(kind, _Kind) or not isinstance(count, int) or count < 0:
            raise ValueError(f"a persistent id {word!r}")
        start = view[0][1] if view and view[0] is not None else 0
        if not isinstance(start, int) or start < 0:
            raise ValueError(f"a view that starts at {start!r}")
        return _Storage(str(key), kind, count, start)


def read_torch(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a state dict that torch.save wrote, by name.

    Raises:
      WeightsError: if the file has neither format, is damaged, refers to anything but tensors in its pickle, or
        contains anything but a dictionary of tensors.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(0)
            if start.startswith(b"PK"):
                return _read_zip(file, str(path))
            if start.startswith(pickle.PROTO):
                return _read_sequential(file, str(path))
    except _RefusedError:
        raise
    except Exception as error:  # damaged bytes make the unpickler and the archive raise many kinds of errors
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{path} must be a whole file of torch.save; received a damaged one ({reason}).") from error
    raise WeightsError(
        f"{path} must be a file of torch.save, a zip archive or the form before torch 1.6; received one that begins "
        f"with {start!r}."
    )


def _read_zip(file: io.BufferedReader, source: str) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        pickles = [name for name in names if name.endswith("/data.pkl")]
        if len(pickles) != 1 or f"{pickles[0][:-8]}constants.pkl" in names:
            raise _RefusedError(
                f"{source} must be a state dict of torch.save; received a zip archive of something else, such as "
                "TorchScript. Save only the state dict of the network."
            )
        folder = pickles[0].removesuffix("data.pkl")
        order = archive.read(f"{folder}byteorder").decode() if f"{folder}byteorder" in names else "little"
        found = TensorUnpickler(io.BytesIO(archive.read(pickles[0])), source).load()
        raw = _once(lambda storage: archive.read(f"{folder}data/{storage.key}"))
        return _arrays(found, raw, order == "little", source)


def _read_sequential(file: io.BufferedReader, source: str) -> dict[str, np.ndarray]:
    if (magic := TensorUnpickler(file, source).load()) != _MAGIC:
        raise _RefusedError(
            f"{source} must be a file of torch.save; received a pickle of something else, a {type(magic).__name__}. "
            "Save the state dict of the network by torch.save, or as .safetensors."
        )
    protocol, machine, found, keys = (TensorUnpickler(file, source).load() for _ in range(4))
    if protocol != _PROTOCOL or not isinstance(machine, dict) or not isinstance(keys, list):
        raise ValueError(f"protocol {protocol!r}")
    little = bool(machine.get("little_endian", True))
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in _tensors(found, source).values()}
    end = os.fstat(file.fileno()).st_size
    stored = {}
    for key in map(str, keys):
        (count,) = struct.unpack("<q" if little else ">q", file.read(8))
        if key not in kinds or not 0 <= count * kinds[key].size <= end - file.tell():
            raise ValueError(f"a storage {key!r} of {count} elements")
        stored[key] = file.read(count * kinds[key].size)
    return _arrays(found, lambda storage: stored[storage.key], little, source)


def _once(read: Callable[[_Storage], bytes]) -> Callable[[_Storage], bytes]:
    """`read`, keeping the last storage, which following tensors may share."""
    kept: dict[str, bytes] = {}

    def cached(storage: _Storage) -> bytes:
        if storage.key not in kept:
            kept.clear()
            kept[storage.key] = read(storage)
        return kept[storage.key]

    return cached


def _tensors(found: Any, source: str) -> Mapping[str, _Tensor]:
    """The object of the file, which must be a dictionary of tensors."""
    if not isinstance(found, dict) or not found:
        raise _RefusedError(
            f"{source} must hold a state dict, a dictionary of tensors; received {type(found).__name__}."
        )
    wrong = [name for name, value in found.items() if not isinstance(name, str) or not isinstance(value, _Tensor)]
    if wrong:
        kind = type(found[wrong[0]]).__name__
        raise _RefusedError(
            f"{source} must hold a state dict, a dictionary of tensors; received {wrong[0]!r} of type {kind}. "
            "Save only the state dict of the network."
        )
    return found


def _arrays(found: Any, raw: Callable[[_Storage], bytes], little: bool, source: str) -> dict[str, np.ndarray]:
    """Every tensor as a separate array."""
    return {name: _array(tensor, raw(tensor.storage), little) for name, tensor in _tensors(found, source).items()}


def _array(tensor: _Tensor, raw: bytes, little: bool) -> np.ndarray:
    storage, order = tensor.storage, "<" if little else ">"
    is_bfloat16 = storage.kind.code == "bfloat16"
    values = np.frombuffer(raw, np.dtype(order + ("u2" if is_bfloat16 else storage.kind.code)))[storage.start :]
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
    size = math.prod(tensor.shape)
    if len(values) < storage.count - storage.start or size > len(values) or (size and last >= len(values)):
        raise ValueError(f"a tensor of shape {tensor.shape} beyond the {len(values)} values of its storage")
    steps = tuple(stride * values.itemsize for stride in tensor.strides)
    view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps)
    if is_bfloat16:
        return from_bfloat16(view)
    return view.astype(view.dtype.newbyteorder("="))
