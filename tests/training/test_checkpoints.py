"""Checkpoints: round trip, pruning, damage of every kind, a full disk, a network that doesn't fit."""

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.training.checkpoints import CheckpointError, CheckpointStore, Kept


def variables(value=0.0):
    return {
        "step": tf.Variable(int(value), dtype=tf.int64),
        "net.kernel": tf.Variable(np.full((2, 3), value, np.float32)),
        "net.bias": tf.Variable(np.full(3, -value, np.float32)),
    }


@pytest.fixture
def store(tmp_path):
    said = []
    made = CheckpointStore(tmp_path / "checkpoints", keep=2, say=said.append)
    made.said = said
    return made


def filled(store, *steps):
    for step in steps:
        store.save(variables(step), step)
    return store


def test_round_trip_keeps_the_last_ones(store):
    filled(store, 1, 2, 3)
    assert store.steps() == [2, 3]
    read = variables()
    assert store.restore(read) == 3
    np.testing.assert_array_equal(read["net.kernel"], np.full((2, 3), 3.0))
    np.testing.assert_array_equal(read["net.bias"], np.full(3, -3.0))
    assert store.restore(read, 2) == 2 and read["step"].numpy() == 2


@pytest.mark.parametrize("name", ["run [2]", "a\\b", "a *?", "café 猫"])
def test_a_checkpoint_can_be_read_where_it_can_be_written(tmp_path, name):
    store = CheckpointStore(tmp_path / name / "checkpoints", keep=2)
    filled(store, 1, 2)
    read = variables()
    assert store.restore(read, quarantine=True) == 2 and read["step"].numpy() == 2
    assert store.load(("net",), 1)[1]["net.bias"].tolist() == [-1.0] * 3


def test_nothing_there_is_none_and_a_part_can_be_read(store):
    assert store.restore(variables()) is None
    filled(store, 5)
    part = {"net.bias": tf.Variable(np.zeros(3, np.float32))}
    assert store.restore(part) == 5
    np.testing.assert_array_equal(part["net.bias"], np.full(3, -5.0))


def test_a_checkpoint_that_training_removes_while_it_is_read_gives_way_to_the_newer_one(store, monkeypatch):
    filled(store, 1)
    read = CheckpointStore._read

    def removed(folder, *rest):
        if folder.name == "step-00000001":
            filled(store, 2)
            shutil.rmtree(folder)
        read(folder, *rest)

    monkeypatch.setattr(CheckpointStore, "_read", staticmethod(removed))
    found = variables()
    assert store.restore(found) == 2 and found["step"].numpy() == 2 and not store.said
    filled(store, 1)
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 1; there is 2 in"):
        store.restore(found, 1)


def test_what_a_checkpoint_may_lack_keeps_its_value_and_nothing_else_does(store):
    filled(store, 5)
    more = variables() | {"d_optimizer.loss_scale.scale": tf.Variable(8.0)}
    with pytest.raises(CheckpointError, match=r"d_optimizer\.loss_scale\.scale is missing there"):
        store.restore(more)
    assert store.restore(more, may_lack=["d_optimizer.loss_scale.scale"]) == 5
    assert more["step"].numpy() == 5 and more["d_optimizer.loss_scale.scale"].numpy() == 8.0
    with pytest.raises(CheckpointError, match=r"net\.more is missing there"):
        store.restore(more | {"net.more": tf.Variable(0.0)}, may_lack=["d_optimizer.loss_scale.scale"])


def test_a_run_of_which_only_kept_checkpoints_are_left_is_never_started_again_from_nothing(store):
    filled(store, 1, 2)
    store.keep_apart(1, "best", why="fid", score=3.0)
    for step in store.steps():
        shutil.rmtree(store.path(step))
    with pytest.raises(CheckpointError, match=r"To resume, copy .*best/step-00000001, which is kept apart, into it"):
        store.restore(variables(), quarantine=True)
    shutil.copytree(store.apart("best").path(1), store.path(1))
    assert store.restore(variables(), quarantine=True) == 1


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


DAMAGE = {"cut": cut, "flip": flip, "empty": lambda p: p.write_bytes(b""), "gone": lambda p: p.unlink()}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["manifest.json", "state.index", "state.data-00000-of-00001"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(store, file, damage):
    filled(store, 1, 2)
    DAMAGE[damage](store.path(2) / file)
    read = variables()
    assert store.restore(read, quarantine=True) == 1
    np.testing.assert_array_equal(read["net.kernel"], np.ones((2, 3)))
    assert "step-00000002" in store.said[0] and store.steps() == [1]
    assert (store.folder / "step-00000002.bad").is_dir()


def test_a_reader_does_not_touch_a_damaged_checkpoint(store):
    filled(store, 1, 2)
    cut(store.path(2) / "state.index")
    assert store.restore(variables()) == 1
    assert store.steps() == [1, 2]


def test_all_damaged_is_an_error_and_never_a_fresh_start(store):
    filled(store, 1, 2)
    for step in (1, 2):
        flip(store.path(step) / "state.data-00000-of-00001")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="no usable checkpoint"):
            store.restore(variables(), quarantine=True)


def test_another_network_is_refused_with_both_shapes_and_nothing_is_set_aside(store):
    filled(store, 4)
    other = variables() | {"net.kernel": tf.Variable(np.zeros((2, 4), np.float32))}
    with pytest.raises(CheckpointError, match=r"net.kernel has shape \(2, 3\) there and is \(2, 4\) here"):
        store.restore(other, quarantine=True)
    with pytest.raises(CheckpointError, match=r"net\.extra is missing"):
        store.restore(variables() | {"net.extra": tf.Variable(0.0)}, quarantine=True)
    assert store.steps() == [4]


def test_left_overs_of_a_kill_are_swept_and_never_read(store):
    filled(store, 1)
    shutil.copytree(store.path(1), store.folder / ".tmp-step-00000002-99")
    assert store.steps() == [1]
    filled(store, 3)
    assert not list(store.folder.glob(".tmp-*"))


def test_a_step_that_is_there_is_never_overwritten(store):
    filled(store, 1)
    store.save(variables(7), 1)
    read = variables()
    store.restore(read)
    assert read["net.kernel"].numpy()[0, 0] == 1.0


def test_a_full_disk_is_said_and_leaves_the_older_ones(store, monkeypatch):
    filled(store, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sagan_tf.foundation.files.flush", full)
    with pytest.raises(CheckpointError, match=r"step 2 could not be written.*No space left.*MB are free"):
        store.save(variables(2), 2)
    assert store.steps() == [1] and not list(store.folder.glob(".tmp-*"))
    assert store.restore(variables()) == 1


def test_the_manifest_lists_every_variable(store):
    filled(store, 1)
    manifest = json.loads((store.path(1) / "manifest.json").read_text())
    assert manifest["step"] == 1
    assert manifest["variables"] == [
        ["net.bias", [3], "float32"],
        ["net.kernel", [2, 3], "float32"],
        ["step", [], "int64"],
    ]


def test_any_flipped_bit_is_found(store):
    """Twenty at random places of any file: each is either detected or changes nothing that is read."""
    dice = random.Random(0)
    filled(store, 1)
    for trial in range(2, 22):
        filled(store, trial)
        file = dice.choice(sorted(store.path(trial).iterdir()))
        content = bytearray(file.read_bytes())
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        file.write_bytes(content)
        read = variables()
        found = store.restore(read, quarantine=True)
        assert found in (trial, 1) and read["net.kernel"].numpy()[0, 0] == found
        shutil.rmtree(store.path(trial), ignore_errors=True)
        filled(store, 1)


def test_a_checkpoint_with_a_number_that_is_not_finite_is_no_good_one(store):
    filled(store, 1)
    spoiled = variables(2)
    spoiled["net.bias"][1].assign(np.inf)
    store.save(spoiled, 2)
    assert store.restore(variables(), quarantine=True) == 1
    assert "net.bias holds numbers that are not finite" in store.said[0]


def test_what_is_kept_apart_is_not_pruned_and_replaces_what_was_there(store):
    filled(store, 1, 2)
    store.keep_apart(1, "best", why="fid", score=9.5)
    assert store.kept("best") == Kept(step=1, why="fid", score=9.5) and store.kept("worst") is None
    filled(store, 3, 4)
    assert store.steps() == [3, 4] and store.apart("best").steps() == [1]
    read = variables()
    assert store.apart("best").restore(read) == 1 and read["net.kernel"].numpy()[0, 0] == 1.0
    assert store.restore(read) == 4 and store.restore(read, 1) == 1 and read["net.kernel"].numpy()[0, 0] == 1.0
    store.keep_apart(4, "best", why="fid", score=2.0)
    store.keep_apart(4, "best", why="fid", score=1.5)
    assert store.apart("best").steps() == [4] and store.kept("best").score == 1.5
    assert not list(store.folder.glob("**/.tmp-*"))


def test_what_is_kept_apart_is_copied_where_there_are_no_hard_links(store, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    filled(store, 1)
    monkeypatch.setattr(os, "link", refuse)
    store.keep_apart(1, "best", why="fid")
    read = variables()
    assert store.apart("best").restore(read) == 1 and read["net.kernel"].numpy()[0, 0] == 1.0


def test_what_a_crashed_process_of_the_same_id_left_does_not_keep_the_best_from_being_kept(store):
    filled(store, 1)
    (store.folder / f".tmp-best-{os.getpid()}").mkdir()  # ids repeat in containers
    store.keep_apart(1, "best", why="fid")
    assert store.apart("best").steps() == [1] and not list(store.folder.glob(".tmp-*"))


def test_a_checkpoint_that_fails_without_a_word_is_passed_over(store):
    filled(store, 1, 2)
    said, read = [], []
    store.say = said.append

    def reads(path):
        if path == store.path(2):
            raise AssertionError
        read.append(path)

    assert store._newest_good(reads, None) == 1 and read == [store.path(1)]
    assert said == [f"Checkpoint {store.path(2)} can't be used: AssertionError"]


def test_all_is_on_the_disk_before_it_gets_its_name(store, monkeypatch):
    """After a power loss behind the rename every file is there; before it, the older checkpoint."""
    events, fsync, rename = [], os.fsync, os.rename

    def flushed(descriptor):
        events.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def renamed(source, target):
        events.append(("rename", str(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "rename", renamed)
    filled(store, 7)
    at = events.index(("rename", str(store.path(7))))
    before = {Path(path).name for kind, path in events[:at] if kind == "fsync"}
    assert {p.name for p in store.path(7).iterdir()} <= before
    assert any(name.startswith(".tmp-step-00000007") for name in before)  # the folder's list of names
    assert events[at + 1] == ("fsync", str(store.folder))
