"""State dicts of torch.save in both forms: the same arrays, nothing run, damage told."""

import contextlib
import os
import pickle
import zipfile

import numpy as np
import pytest

from sagan_tf.interop.tensor_files import WeightsError
from sagan_tf.interop.torch_files import read_torch
from tests.interop.torch_form import pickled, write_sequential, write_zip

RNG = np.random.default_rng(0)
STATE = {
    "a.weight": RNG.standard_normal((2, 3, 1, 4)).astype(np.float32),
    "turned": np.asfortranarray(RNG.standard_normal((4, 3)).astype(np.float32)),
    "half": RNG.standard_normal(5).astype(np.float16),
    "wide": RNG.standard_normal(2),
    "steps": np.array([1, 1 << 40]),
    "scalar": np.array(0.5, np.float32),
}
WRITERS = {"zip": write_zip, "sequential": write_sequential}


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    return lambda state: WRITERS[request.param](tmp_path / "x.bin", state)


def test_every_tensor_is_read_as_it_was_written(write):
    found = read_torch(write(STATE))
    assert list(found) == list(STATE)
    for name, array in STATE.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


class Touch:
    """What an attacker would put into a state dict."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_pickle_is_refused_by_name_and_not_run(write, tmp_path):
    value = pickle.dumps(Touch(tmp_path / "made"), protocol=2)[2:-1]
    with pytest.raises(WeightsError, match=r"received a pickle that refers to posix\.mkdir, .*Nothing was"):
        read_torch(write(STATE | {"bad": value}))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", [b"cbuiltins\neval\n", b"ctorch\nload\n", b"ctorch._utils\n_import_dotted_name\n"])
def test_functions_of_any_module_are_refused(write, name):
    with pytest.raises(WeightsError, match="which loading would execute"):
        read_torch(write(STATE | {"bad": name + b"X\x01\x00\x00\x001\x85R"}))


def test_bare_code_is_refused(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps(Touch(tmp_path / "made")))
    with pytest.raises(WeightsError, match=r"refers to posix\.mkdir"):
        read_torch(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(WeightsError, match="a pickle of something else, a dict"):
        read_torch(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Touch(tmp_path / "made")))
    with pytest.raises(WeightsError, match=r"refers to posix\.mkdir"):
        read_torch(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("value", [b"N", b"J\x01\x00\x00\x00", b"}", b"](N N e".replace(b" ", b"")])
def test_what_is_no_tensor_is_named(write, value):
    with pytest.raises(WeightsError, match="dictionary of tensors; received 'bad' of type"):
        read_torch(write(STATE | {"bad": value}))


@pytest.mark.parametrize("keep", [0, 3, 20, 60, 400, -1, -9])
def test_a_cut_file_is_refused(write, keep):
    path = write(STATE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"must be a (whole )?file of torch\.save"):
        read_torch(path)


def test_damaged_bytes_never_end_in_another_error(write):
    path = write(STATE)
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(WeightsError):
            read_torch(path)


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    path = tmp_path / "x.bin"
    for state in ({"a": np.zeros((2, 3), np.float32)}, {"a": np.broadcast_to(np.float32(0), (1 << 20, 1 << 10))}):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled(state, sequential=False))
            archive.writestr("archive/data/0", bytes(20))
        with pytest.raises(WeightsError, match="beyond the"):
            read_torch(path)


def test_files_of_torch_itself_are_read(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is no dependency; where it is installed, it writes the files")
    state = {name: torch.from_numpy(np.array(array)) for name, array in STATE.items()}
    state["brain"] = state["a.weight"].to(torch.bfloat16)
    for new in (True, False):
        torch.save(state, tmp_path / "x.bin", _use_new_zipfile_serialization=new)
        found = read_torch(tmp_path / "x.bin")
        for name, tensor in state.items():
            np.testing.assert_array_equal(found[name], tensor.float().numpy() if name == "brain" else tensor.numpy())
