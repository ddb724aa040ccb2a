"""Files in both forms of torch.save, written byte by byte without torch."""

import itertools
import struct
import zipfile

import numpy as np

_STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


def _text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def _number(value):
    return b"J" + struct.pack("<i", value)


def _tuple(*parts):
    return b"(" + b"".join(parts) + b"t"


def _name(module, name):
    return f"c{module}\n{name}\n".encode()


_EMPTY = _name("collections", "OrderedDict") + b")R"


def _tensor(array, key, sequential):
    """A tensor as torch pickles it; an array in Fortran's order is a transposed view of its storage."""
    kind = _name("torch", _STORAGES[array.dtype.name])
    view = [b"N"] if sequential else []
    storage = _tuple(_text("storage"), kind, _text(key), _text("cpu"), _number(array.size), *view) + b"Q"
    sizes = _tuple(*map(_number, array.shape))
    strides = _tuple(*(_number(stride // array.itemsize) for stride in array.strides))
    return (
        _name("torch._utils", "_rebuild_tensor_v2")
        + _tuple(storage, _number(0), sizes, strides, b"\x89", _EMPTY)
        + b"R"
    )


def pickled(state, *, sequential):
    """A state dict's pickle with keys "0", "1", ... for the storages. state: arrays, or bytes of a pickled value."""
    items = [
        _text(name) + (value if isinstance(value, bytes) else _tensor(value, str(i), sequential))
        for i, (name, value) in enumerate(state.items())
    ]
    metadata = b"}" + _text("_metadata") + _EMPTY + b"sb"
    return b"\x80\x02" + _EMPTY + b"(" + b"".join(items) + b"u" + metadata + b"."


def write_zip(path, state):
    """The zip archive of torch 1.6 and later."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(state, sequential=False))
        archive.writestr("archive/byteorder", "little")
        for key, raw in _storages(state):
            archive.writestr(f"archive/data/{key}", raw)
        archive.writestr("archive/version", "3\n")
    return path


def write_sequential(path, state):
    """The form before torch 1.6, in which the published files of 2019 are."""
    machine = b"\x80\x02}(" + _text("protocol_version") + _number(1001) + _text("little_endian") + b"\x88u."
    parts = [
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        b"\x80\x02M\xe9\x03.",
        machine,
        pickled(state, sequential=True),
    ]
    storages = list(_storages(state))
    parts.append(b"\x80\x02](" + b"".join(_text(key) for key, _ in storages) + b"e.")
    for (_, raw), array in zip(storages, (a for a in state.values() if isinstance(a, np.ndarray)), strict=True):
        parts += [struct.pack("<q", array.size), raw]
    path.write_bytes(b"".join(parts))
    return path


def _storages(state):
    for i, value in zip(itertools.count(), state.values(), strict=False):
        if isinstance(value, np.ndarray):
            yield str(i), value.tobytes(order="A")
