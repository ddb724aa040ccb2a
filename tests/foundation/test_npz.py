"""Arrays in .npz files: exact, chosen by name, and damage of every kind told as one error."""

import os

import numpy as np
import pytest

from sagan_tf.foundation.npz import NpzError, names_in_npz, read_npz, write_npz

ARRAYS = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "b": np.float32([0.5]), "c": np.array(["ä", "猫"])}


@pytest.fixture
def path(tmp_path):
    write_npz(tmp_path / "new folder" / "arrays.npz", ARRAYS, durable=True)
    return tmp_path / "new folder" / "arrays.npz"


def test_arrays_come_back_as_they_were(path):
    found = read_npz(path)
    assert list(found) == ["a", "b", "c"] and names_in_npz(path) == {"a", "b", "c"}
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)


def test_only_the_names_asked_for_are_read(path):
    assert list(read_npz(path, only=("b", "absent"))) == ["b"]


@pytest.mark.parametrize("kept", [0, 1, 30, 0.5, 0.97])
def test_a_torn_file_is_an_npz_error(path, kept):
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(NpzError) as caught:
        read_npz(path)
    assert str(caught.value) and "\n" not in str(caught.value)
    assert names_in_npz(path) == frozenset()


def test_flipped_bytes_never_give_another_error(path):
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            read_npz(path)
        except NpzError:
            continue


def test_other_files_are_npz_errors(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(2))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    np.savez(tmp_path / "pickled.npz", np.array([{}], object))
    (tmp_path / "text.npz").write_text("no archive")
    for name, what in [("one", "single array"), ("pickled", "allow_pickle=False"), ("text", "[Pp]ickle")]:
        with pytest.raises(NpzError, match=what):
            read_npz(tmp_path / f"{name}.npz")
    assert names_in_npz(tmp_path / "one.npz") == names_in_npz(tmp_path / "text.npz") == frozenset()


def test_a_single_array_is_taken_by_its_content_where_it_may_be(tmp_path):
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, np.arange(3))
    assert np.array_equal(read_npz(tmp_path / "one.npz", or_npy=True)["arr_0"], np.arange(3))


def test_a_pipe_has_no_names_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert names_in_npz(tmp_path / "pipe") == frozenset()


def test_an_absent_file_is_told_apart_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "absent.npz")
    assert names_in_npz(tmp_path / "absent.npz") == frozenset()
