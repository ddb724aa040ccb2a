"""Writes a data set as shards, each atomically, so that a preparation can be interrupted and resumed anywhere."""

import dataclasses
import errno
import os
import pathlib
import shutil
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.shards.index import (
    INDEX_NAME,
    VALIDATION_FOLDER,
    Shard,
    ShardIndex,
    ShardPlan,
    damaged_shards,
    read_index,
)
from sagan_tf.data.source import DataError, Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.foundation import files
from sagan_tf.foundation.claim import claimed
from sagan_tf.foundation.progress import Progress

_ORDER_SEED = 0  # shards hold the first epoch of the source's stream with this seed
_FRAMING = 16  # bytes that TFRecord adds per record: a length and two checksums


def prepare(examples: Examples, plan: ShardPlan, folder: pathlib.Path) -> ShardIndex:
    """Writes the missing shards of a plan, and the index after each of them; returns the complete index.

    When it is repeated after an interruption, a full disk or damage, it keeps every shard whose checksum is right and
    writes the others; after success it writes nothing. The examples are shuffled.

    Raises:
      DataError: if the folder holds something else, the disk is full, or a class is left without an image.
      OutputError: if another process is writing there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder) as claim:
        index = _completed(examples, plan, folder, claim)
    _refuse_emptied_classes(index)
    return index


def _completed(examples: Examples, plan: ShardPlan, folder: pathlib.Path, claim: pathlib.Path) -> ShardIndex:
    index = dataclasses.replace(_begun(plan, folder), gray=examples.gray)
    finished = {shard.name for shard in index.shards}
    todo = [number for number in range(plan.n_shards) if plan.shard_name(number) not in finished]
    done = plan.n_source - sum(plan.n_in_shard(number) for number in todo)
    with Progress(total=plan.n_source, initial=done, unit="image", title="preparing", quiet=not todo) as progress:
        for number, rows in _shards_of(examples, plan, todo):
            records, counts = _records(rows, len(plan.class_names), progress)
            try:
                index = index.with_shard(_write_shard(folder / plan.shard_name(number), records, counts))
                index.write(folder)
                claim.touch()
            except (OSError, tf.errors.OpError) as error:
                raise DataError(_cannot_write(folder, index, error)) from error
    return index


def _begun(plan: ShardPlan, folder: pathlib.Path) -> ShardIndex:
    """The index of the intact shards that an earlier call with the same plan has finished."""
    if not (folder / INDEX_NAME).exists():
        names = {path.name for path in folder.iterdir()} - {VALIDATION_FOLDER}
        if any(not name.startswith(files.TEMPORARY) for name in names):
            raise DataError(
                f"The output must be a new or empty folder, or one of shards; received {folder}, which contains other "
                "files. Choose another folder."
            )
        return ShardIndex(plan=plan)
    index = read_index(folder)
    if dataclasses.replace(index.plan, source=plan.source) != plan:  # the same data may have moved
        raise DataError(
            f"The output must hold shards of the same data and settings; received {folder} with\n"
            f"{_differences(index.plan, plan)}\nChoose another folder, or delete this one."
        )
    return index.without(set(damaged_shards(folder, index)))


def _differences(before: ShardPlan, now: ShardPlan) -> str:
    return "\n".join(
        f"  {name}={_short(old)} there, {_short(getattr(now, name))} now"
        for name, old in vars(before).items()
        if old != getattr(now, name)
    )


def _short(value) -> str:
    return repr(value) if len(repr(value)) < 60 else f"{repr(value)[:57]}..."


def _shards_of(examples: Examples, plan: ShardPlan, todo: list[int]) -> Iterator[tuple[int, Iterator]]:
    """(number, encoded rows) of each shard to write; consecutive shards are read in one pass over the source."""
    rows, expected = None, None
    for number in todo:
        if number != expected:
            stream = examples.stream(seed=_ORDER_SEED, start=number * plan.per_shard)
            rows = with_plain_errors(_encoded(stream, plan).as_numpy_iterator())
        yield number, (next(rows) for _ in range(plan.n_in_shard(number)))
        expected = number + 1


def _encoded(stream: tf.data.Dataset, plan: ShardPlan) -> tf.data.Dataset:
    """(content of the image file, label, whether its short edge is long enough) of each example."""
    transform = Transform(method=plan.method)

    def encode(image, label):
        keep = tf.reduce_min(tf.shape(image)[:2]) >= plan.min_short_edge
        image = transform.resized(image, plan.resolution)
        if plan.encoding == "jpeg":
            return tf.io.encode_jpeg(image, quality=plan.quality, chroma_downsampling=False), label, keep
        return tf.io.encode_png(image), label, keep

    return stream.map(encode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(64)


def _records(rows: Iterator, n_classes: int, progress: Progress) -> tuple[list[bytes], np.ndarray]:
    """The serialized examples of the rows that are large enough, and their number per class."""
    records, counts = [], np.zeros(n_classes, np.int64)
    for image, label, keep in rows:
        progress.update()
        if not 0 <= label < n_classes:
            raise DataError(
                f"Every label must be in 0..{n_classes - 1}; received label={label}. Choose a split that "
                f"has labels, or correct them."
            )
        if keep:
            records.append(_record(image, int(label)))
            counts[label] += 1
    return records, counts


def _write_shard(path: pathlib.Path, records: list[bytes], counts: np.ndarray) -> Shard:
    """Writes one file atomically and durably."""
    n_bytes = sum(len(record) + _FRAMING for record in records)
    with files.replacing(path, durable=True) as part:
        with tf.io.TFRecordWriter(os.fsencode(part)) as writer:
            for record in records:
                writer.write(record)
        if part.stat().st_size != n_bytes:
            raise OSError(errno.EIO, f"only {part.stat().st_size} of {n_bytes} bytes were written")
        digest = files.sha256(part)
    return Shard(name=path.name, n_bytes=n_bytes, sha256=digest, class_counts=tuple(counts.tolist()))


def _record(image: bytes, label: int) -> bytes:
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _cannot_write(folder: pathlib.Path, index: ShardIndex, error: Exception) -> str:
    plan, finished = index.plan, len(index.shards)
    room = f"{shutil.disk_usage(folder).free / 2**20:.0f} MiB are free there"
    if finished:
        per_shard = sum(shard.n_bytes for shard in index.shards) / finished
        room += f", about {per_shard * (plan.n_shards - finished) / 2**20:.0f} MiB are still needed"
    return (
        f"Shards must fit on the disk and be writable; received an error at {finished} of {plan.n_shards} shards "
        f"in {folder}: {error}\n{room}. Finished shards are kept: make room and run the same command again."
    )


def _refuse_emptied_classes(index: ShardIndex):
    names = index.plan.class_names
    if index.plan.split == "validation":
        return
    if empty := [name for name, count in zip(names, index.class_counts, strict=True) if not count]:
        raise DataError(
            f"Every class must have an image with a short edge of {index.plan.min_short_edge} pixels or "
            f"more; received none of {', '.join(empty[:10])} ({len(empty)} of {len(names)} classes). "
            f"Prepare again into another folder with a smaller --min_short_edge."
        )
