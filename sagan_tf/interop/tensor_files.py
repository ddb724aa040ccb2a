"""Named arrays from files that can't run code (.npz without pickles, .safetensors), checked against our variables."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sagan_tf.foundation import npz

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
          "I8": "<i1", "U8": "<u1", "BOOL": "?"}  # fmt: skip
_SHOWN = 8


class WeightsError(ValueError):
    """Weights can't be read, or don't fit the networks. The message names every tensor that is wrong."""


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz; pickled ones are rejected."""
    try:
        return npz.read_npz(path)
    except (npz.NpzError, OSError) as error:
        raise WeightsError(f"{path} must be a whole .npz of plain arrays; received {error}.") from error


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a .safetensors file: eight bytes of header length, a JSON header, the raw values."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    try:
        header = json.loads(raw[8 : 8 + length])
        header.pop("__metadata__", None)
        data = memoryview(raw)[8 + length :]  # no copy of the file for each tensor
        return {name: _tensor(data, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} must be a whole .safetensors file of floats; received {error!r}.") from error


def _tensor(data: memoryview, entry: dict) -> np.ndarray:
    start, end = entry["data_offsets"]
    dtype = np.dtype(_TYPES[entry["dtype"]])
    if end - start != dtype.itemsize * math.prod(entry["shape"]) or not 0 <= start <= end <= len(data):
        raise ValueError(f"offsets {start} to {end} of {len(data)} bytes for shape {entry['shape']}")
    array = np.frombuffer(data[start:end], dtype).reshape(entry["shape"])
    return from_bfloat16(array) if entry["dtype"] == "BF16" else array


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Bfloat16 numbers, given by their bits as uint16, as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def check_fit(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, np.ndarray], source: str) -> None:
    """Checks that all expected tensors are present with their shapes, and no others.

    Raises:
      WeightsError: naming the missing, extra and misshapen ones, with both shapes.
    """
    wrong = [
        f"{n}: has shape {found[n].shape}, {tuple(shape)} is needed"
        for n, shape in expected.items()
        if n in found and found[n].shape != tuple(shape)
    ]
    wrong += [f"{n}: missing, {tuple(shape)} is needed" for n, shape in expected.items() if n not in found]
    wrong += [f"{n}: extra, {found[n].shape}" for n in found if n not in expected]
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        raise WeightsError(
            f"the tensors of {source} must be those of the configured network; received\n  "
            + "\n  ".join(wrong[:_SHOWN] + more)
            + "\nChoose the gin file or config.json (resolution, width, z_dim, attention, classes) that fits them."
        )


def check_finite(arrays: Mapping[str, np.ndarray], source: str) -> None:
    """Raises WeightsError if a value is NaN or infinite, or no real number."""
    other = [f"{name} of type {array.dtype}" for name, array in arrays.items() if array.dtype.kind not in "biuf"]
    if other:
        raise WeightsError(f"the values of {source} must be real numbers; received {', '.join(other[:_SHOWN])}.")
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        raise WeightsError(f"the values of {source} must be finite; received NaN or infinity in {', '.join(bad[:8])}.")
