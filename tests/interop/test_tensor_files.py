"""Reading named arrays, and what doesn't fit."""

import gc
import json

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
