import dataclasses
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.order import random_access
from sagan_tf.data.pipeline import evaluation_batches, training_batches
from sagan_tf.data.shards import preparation
from sagan_tf.data.shards.index import INDEX_NAME, ShardPlan
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import DataError, Examples
from sagan_tf.data.survey import survey_examples
from sagan_tf.data.transforms import Transform
from sagan_tf.foundation.files import OutputError


def pictures(n=50, size=(20, 16), names=("a", "b é", "c")):
    """Example i is an image of the one gray 5 * i, of class i % 3."""
    stream, ordered = random_access(
        n, lambda i: (tf.fill((*size, 3), tf.cast(5 * i, tf.uint8)), tf.cast(i % len(names), tf.int32))
    )
    return Examples(
        name="pictures",
        class_names=names,
        n_examples=n,
        fingerprint=f"pictures {n} {size}",
        stream=stream,
        ordered=ordered,
    )


def plan_of(examples, **changes):
    settings = {"resolution": 8, "method": "biggan", "per_shard": 12, **changes}
    return ShardPlan(
        source=examples.name,
        fingerprint=examples.fingerprint,
        class_names=examples.class_names,
        n_source=examples.n_examples,
        **settings,
    )


@pytest.fixture
def folder(tmp_path):
    preparation.prepare(pictures(), plan_of(pictures()), tmp_path / "shards")
    return tmp_path / "shards"


def shards(folder):
    return sorted(folder.glob("*.tfrecord"))


def test_holds_every_image_with_its_label(folder):
    examples = source_from_flag(str(folder)).open(8)
    assert isinstance(source_from_flag(str(folder)), PreparedShards)
    assert (examples.class_names, examples.n_examples) == (("a", "b é", "c"), 50)
    rows = {int(image[3, 3, 0]): int(label) for image, label in examples.ordered().as_numpy_iterator()}
    assert rows == {5 * i: i % 3 for i in range(50)}
    assert [path.name for path in shards(folder)] == [f"shard-{i:05d}-of-00005.tfrecord" for i in range(5)]


def test_the_index_says_what_is_there(folder):
    content = json.loads((folder / INDEX_NAME).read_text())
    assert content["examples"] == 50 and content["class_counts"] == {"a": 17, "b é": 17, "c": 16}
    assert content["plan"]["resolution"] == 8 and content["plan"]["method"] == "biggan"
    for shard in content["shards"]:
        assert os.path.getsize(folder / shard["name"]) == shard["n_bytes"] and len(shard["sha256"]) == 64


def test_images_lie_shuffled(folder):
    greys = [int(image[0, 0, 0]) for image, _ in PreparedShards(path=str(folder)).open(8).ordered().as_numpy_iterator()]
    assert np.abs(np.diff(np.argsort(greys))).mean() > 8


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_restarts_are_exact(folder, cache_bytes):
    def rows(count, **start):
        batches = training_batches(
            PreparedShards(path=str(folder)).open(8),
            resolution=8,
            batch_size=8,
            seed=5,
            transform=Transform(flip=True),
            cache_bytes=cache_bytes,
            **start,
        )
        return np.stack([images for images, _ in batches.take(count).as_numpy_iterator()])

    np.testing.assert_array_equal(rows(8, start_batch=5), rows(13)[5:])


def test_lossless_and_jpeg(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(noise[0, :4, :4]).resize((16, 16), Image.Resampling.BICUBIC))
    array = tf.constant(np.concatenate([noise[:19], smooth[None]]))
    stream, ordered = random_access(20, lambda i: (array[i], tf.constant(0)))
    source = Examples(
        name="noise", class_names=("all",), n_examples=20, fingerprint="1", stream=stream, ordered=ordered
    )
    read = {}
    for encoding, quality in (("png", 0), ("jpeg", 95)):
        out = tmp_path / encoding
        preparation.prepare(source, plan_of(source, resolution=16, encoding=encoding, quality=quality), out)
        rows = evaluation_batches(
            PreparedShards(path=str(out)).open(16), resolution=16, batch_size=20, transform=Transform()
        )
        read[encoding] = np.rint((np.concatenate([images for images, _ in rows]) + 1) * 127.5).astype(int)
    assert {image.astype(np.uint8).tobytes() for image in read["png"]} == {bytes(image) for image in array.numpy()}
    difference = np.abs(read["jpeg"] - read["png"]).mean(axis=(1, 2, 3))
    assert 0 < difference.min() < 3 and difference.max() < 12


def test_preparing_again_writes_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert preparation.prepare(pictures(), plan_of(pictures()), folder).complete
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_an_interrupted_preparation_goes_on_and_ends_the_same(folder, tmp_path, monkeypatch):
    calls = []
    write = preparation._write_shard

    def killed_at_the_third(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(preparation, "_write_shard", killed_at_the_third)
    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        preparation.prepare(pictures(), plan_of(pictures()), other)
    assert len(shards(other)) == 2
    with pytest.raises(DataError, match="2 of 5: its preparation was interrupted"):
        PreparedShards(path=str(other)).open(8)
    preparation.prepare(pictures(), plan_of(pictures()), other)
    assert len(calls) == 6  # two, the interrupted one, and three more
    assert [path.read_bytes() for path in shards(other)] == [path.read_bytes() for path in shards(folder)]


def damage(path, how):
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "flipped":
        path.write_bytes(content[:100] + bytes([content[100] ^ 4]) + content[101:])
    else:
        path.write_bytes({"cut": content[:-40], "empty": b"", "text": b"x" * len(content)}[how])


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "missing"),
        ("cut", "bytes instead of"),
        ("empty", "0 bytes"),
        ("flipped", "checksum differs"),
        ("text", "checksum differs"),
    ],
)
def test_damaged_shards_are_named_and_written_again(folder, how, reason):
    PreparedShards(path=str(folder)).open(8)  # found good once, and remembered so
    good = [path.read_bytes() for path in shards(folder)]
    damage(folder / "shard-00003-of-00005.tfrecord", how)
    with pytest.raises(DataError, match=rf"1 of 5 that are not(.|\n)*shard-00003-of-00005.tfrecord: .*{reason}"):
        PreparedShards(path=str(folder)).open(8)
    preparation.prepare(pictures(), plan_of(pictures()), folder)
    assert [path.read_bytes() for path in shards(folder)] == good
    assert PreparedShards(path=str(folder)).open(8).n_examples == 50


def test_intact_shards_are_read_once_and_remembered(folder, monkeypatch):
    first = PreparedShards(path=str(folder)).open(8)
    monkeypatch.setattr("sagan_tf.foundation.files.sha256", lambda path: pytest.fail("read again"))
    assert PreparedShards(path=str(folder)).open(8).fingerprint == first.fingerprint


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 9}', '{"version": 1, "plan": {}, "shards": []}'])
def test_a_bad_index_is_named(folder, content):
    (folder / INDEX_NAME).write_text(content)
    with pytest.raises(DataError, match=f"{INDEX_NAME}"):
        PreparedShards(path=str(folder)).open(8)


def test_another_resolution_is_refused(folder):
    with pytest.raises(DataError, match="prepared at 8 for resolution=16"):
        PreparedShards(path=str(folder)).open(16)


def test_other_settings_and_other_folders_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match="method='biggan' there, 'sagan' now"):
        preparation.prepare(pictures(), plan_of(pictures(), method="sagan"), folder)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with pytest.raises(DataError, match="contains other files"):
        preparation.prepare(pictures(), plan_of(pictures()), tmp_path / "letters")


def test_data_that_have_moved_are_the_same(folder):
    before = {path: path.stat().st_mtime_ns for path in shards(folder)}
    moved = plan_of(pictures(), per_shard=12)
    shards(folder)[1].unlink()
    index = preparation.prepare(pictures(), dataclasses.replace(moved, source="elsewhere"), folder)
    assert index.complete and {path: path.stat().st_mtime_ns for path in shards(folder)}.items() >= {
        (path, time) for path, time in before.items() if path != shards(folder)[1]
    }


def test_small_images_are_left_out(tmp_path):
    sizes = tf.constant([10, 12, 14, 30, 40, 50])
    stream, ordered = random_access(6, lambda i: (tf.zeros([sizes[i], 45, 3], tf.uint8), tf.cast(i % 2, tf.int32)))
    source = Examples(
        name="sizes", class_names=("even", "odd"), n_examples=6, fingerprint="1", stream=stream, ordered=ordered
    )
    index = preparation.prepare(source, plan_of(source, min_short_edge=14, per_shard=1), tmp_path / "some")
    assert index.count == 4 and index.class_counts == (2, 2)
    assert PreparedShards(path=str(tmp_path / "some")).open(8).n_examples == 4
    with pytest.raises(DataError, match="45 pixels or more; received none of even"):
        preparation.prepare(source, plan_of(source, min_short_edge=45), tmp_path / "none")


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_refused(tmp_path, label):
    stream, ordered = random_access(6, lambda i: (tf.zeros([9, 9, 3], tf.uint8), tf.where(i == 4, label, 0)))
    source = Examples(
        name="labels", class_names=("a", "b", "c"), n_examples=6, fingerprint="1", stream=stream, ordered=ordered
    )
    with pytest.raises(DataError, match=f"label={label}"):
        preparation.prepare(source, plan_of(source), tmp_path)
    assert survey_examples(source).bad == {"#4": f"its label is {label}, which is not a class"}


def test_a_full_disk_keeps_what_is_finished(tmp_path):
    """A limit on the size of files stands for the full disk: the second shard, of noise, does not fit."""
    noise = tf.constant(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))

    def stream(seed=0, start=0, stride=1):
        return tf.data.Dataset.range(start, 128).map(lambda i: (tf.where(i < 64, noise[0, 0], noise), tf.constant(0)))

    source = Examples(
        name="noise", class_names=("all",), n_examples=128, fingerprint="1", stream=stream, ordered=stream
    )
    plan, out = plan_of(source, resolution=64, per_shard=64), tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(DataError, match=r"1 of 2 shards in (.|\n)*MiB are free (.|\n)*run the same command again"):
            preparation.prepare(source, plan, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in out.iterdir()) == [INDEX_NAME, "shard-00000-of-00002.tfrecord"]
    assert preparation.prepare(source, plan, out).complete and len(shards(out)) == 2


def test_a_kill_at_the_first_shard_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / ".tmp-shard-00000-of-00005.tfrecord-7").write_bytes(b"half")
    assert preparation.prepare(pictures(), plan_of(pictures()), tmp_path).complete
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_second_preparation_at_the_same_time_is_refused_and_harms_nothing(tmp_path):
    source, refused = pictures(), []
    ordered = source.stream

    def stream(**options):  # the first preparation has begun
        with pytest.raises(OutputError, match="must be written by one process at a time"):
            preparation.prepare(pictures(), plan_of(pictures()), tmp_path)
        refused.append(True)
        return ordered(**options)

    index = preparation.prepare(dataclasses.replace(source, stream=stream), plan_of(source), tmp_path)
    assert refused and index.complete and not list(tmp_path.glob(".tmp-*"))
    assert preparation.prepare(pictures(), plan_of(pictures()), tmp_path) == index


KILLED = """
import pathlib, sys
from sagan_tf.data.shards.preparation import prepare
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.shards.index import ShardPlan
source = ProceduralSource(n_examples=6000).open(32)
plan = ShardPlan(source=source.name, fingerprint=source.fingerprint, class_names=source.class_names, n_source=6000,
            resolution=32, method="biggan", per_shard=100)
prepare(source, plan, pathlib.Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_kills_at_random_moments_end_in_the_same_shards(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "straight")], check=True, capture_output=True)
    rng, kills, ended = random.Random(0), 0, None
    while ended != 0:
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
        started = time.monotonic()
        while child.poll() is None and time.monotonic() - started < 60:
            if kills < 5 and len(shards(tmp_path / "killed")) >= 10 * kills + rng.randrange(10):
                time.sleep(rng.random() / 10)
                child.send_signal(signal.SIGKILL)
        kills, ended = kills + 1, child.wait()
    assert kills >= 3
    for straight, killed in zip(shards(tmp_path / "straight"), shards(tmp_path / "killed"), strict=True):
        assert straight.read_bytes() == killed.read_bytes()
