"""Reading named arrays, and what doesn't fit."""

import gc
import json
import tracemalloc

import numpy as np
import pytest

from sagan_tf.interop.tensor_files import WeightsError, check_finite, check_fit, read_npz, read_safetensors

ARRAYS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(2.5, np.float16)}


def write_safetensors(path, arrays):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        kind = {"float32": "F32", "float16": "F16"}[array.dtype.name]
        ends = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": ends}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_safetensors_and_npz_give_the_same_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", **ARRAYS)
    path = write_safetensors(tmp_path / "x.safetensors", ARRAYS)
    for found in (read_npz(tmp_path / "x.npz"), read_safetensors(path)):
        assert set(found) == set(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)


def test_every_kind_of_number_of_a_safetensors_file_is_read(tmp_path):
    values = np.array([0, 1, 2.5, -3], np.float32)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    kinds = {"I64": np.int64, "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_, "F64": np.float64}
    arrays = {kind: np.array([1, 0, 1], dtype) for kind, dtype in kinds.items()} | {"BF16": bits}
    header, data = {}, b""
    for kind, array in arrays.items():
        ends = [len(data), len(data) + array.nbytes]
        header[kind] = {"dtype": kind, "shape": list(array.shape), "data_offsets": ends}
        data += array.tobytes()
    text = json.dumps(header).encode()
    (tmp_path / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    found = read_safetensors(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(found.pop("BF16"), values)
    for kind, array in found.items():
        np.testing.assert_array_equal(array, arrays[kind])


def test_a_safetensors_file_is_not_copied_for_each_tensor(tmp_path):
    path = write_safetensors(tmp_path / "x.safetensors", {f"w{i}": np.zeros(1 << 16, np.float32) for i in range(40)})
    tracemalloc.start()
    read_safetensors(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * path.stat().st_size


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("keep", [4, 40, -3])
def test_a_torn_npz_is_refused_and_closed(tmp_path, keep):
    path = tmp_path / "x.npz"
    np.savez(path, **ARRAYS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"must be a whole \.npz of plain arrays"):
        read_npz(path)
    gc.collect()


def test_a_single_array_is_no_npz(tmp_path):
    np.save(tmp_path / "x.npy", ARRAYS["b"])
    with pytest.raises(WeightsError, match=r"received a single array"):
        read_npz(tmp_path / "x.npy")


@pytest.mark.parametrize("keep", [4, 40, -3])
def test_a_cut_file_is_refused(tmp_path, keep):
    path = write_safetensors(tmp_path / "x.safetensors", ARRAYS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"must be a whole \.safetensors file"):
        read_safetensors(path)


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{"code": 1}], dtype=object))
    with pytest.raises(WeightsError, match="plain arrays"):
        read_npz(tmp_path / "x.npz")


def test_every_tensor_that_does_not_fit_is_named_with_both_shapes():
    with pytest.raises(WeightsError) as error:
        check_fit({"a.weight": (3, 2), "c": (4,)}, ARRAYS, "x.npz")
    text = str(error.value)
    assert "a.weight: has shape (2, 3), (3, 2) is needed" in text
    assert "c: missing, (4,) is needed" in text and "b: extra, ()" in text
    check_fit({"a.weight": (2, 3), "b": ()}, ARRAYS, "x.npz")


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(WeightsError, match=r"NaN or infinity in a\.weight"):
        check_finite({"a.weight": np.array([1.0, np.nan])}, "x.npz")


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j])])
def test_values_that_are_no_real_numbers_are_refused(array):
    with pytest.raises(WeightsError, match=f"must be real numbers; received w of type {array.dtype}"):
        check_finite({"w": array}, "file")
