"""Reads TFRecord files in a shuffled, deterministic order that can be entered anywhere."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from sagan_tf.data.order import permutation, positions

BLOCK = 4096  # records that are shuffled together, and held in memory in encoded form


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordFiles:
    """TFRecord files or parts of them: from each path, `counts` records after the first `skips` ones."""

    paths: tuple[str | bytes, ...]
    counts: tuple[int, ...]
    skips: tuple[int, ...]

    def __post_init__(self):
        if not self.paths or min(self.counts) < 1 or not len(self.paths) == len(self.counts) == len(self.skips):
            raise ValueError(
                f"Record files must each have a skip and a count of at least 1; received "
                f"{len(self.paths)} paths, {len(self.skips)} skips, counts={self.counts}."
            )

    def of_host(self, host: int, hosts: int) -> "RecordFiles":
        part = slice(host, None, hosts)
        return RecordFiles(paths=self.paths[part], counts=self.counts[part], skips=self.skips[part])

    @property
    def n_records(self) -> int:
        return sum(self.counts)


def sequential_access(files: RecordFiles, parse: Callable, *, block: int = BLOCK) -> tuple[Callable, Callable]:
    """`stream` and `ordered` (see `Examples`) of record files, where `parse(record)` returns (image, label).

    In each epoch the files are permuted and divided into groups of about `block` records, and the records of each group
    are permuted. Both permutations are keyed by (seed, epoch, group). To start anywhere, only the group that holds the
    position is read. The next group is prefetched while one is consumed. If there are enough files, each host reads its
    own, so that the order depends on the number of hosts.
    """

    def stream(*, seed: int, start: int = 0, stride: int = 1) -> tf.data.Dataset:
        if len(files.paths) >= stride:
            mine = files.of_host(start % stride, stride)
            records = _shuffled(mine, seed=seed, start=start // stride, block=block)
        else:
            records = _shuffled(files, seed=seed, start=start, block=block).shard(stride, 0)
        return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def ordered() -> tf.data.Dataset:
        blocks = tf.data.Dataset.range(len(files.paths)).map(lambda i: _read(files, i[None]))
        return blocks.prefetch(1).unbatch().map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    return stream, ordered


def _shuffled(files: RecordFiles, *, seed: int, start: int, block: int) -> tf.data.Dataset:
    """Endless records from position `start` of the order."""
    n_files = len(files.paths)
    group_size = min(n_files, max(1, round(block * n_files / files.n_records)))
    n_groups = -(-n_files // group_size)

    def members(number: tf.Tensor) -> tf.Tensor:
        """The files of a group; groups are numbered consecutively through all epochs."""
        first = number % n_groups * group_size
        indices = tf.range(first, tf.minimum(first + group_size, n_files))
        return permutation(indices, n=n_files, seed=2 * seed, epoch=number // n_groups)

    first_group, inside = _locate(files, members, start, n_groups)

    def read_group(number: tf.Tensor) -> tf.Tensor:
        records = _read(files, members(number))
        size = tf.shape(records, tf.int64)[0]
        order = permutation(tf.range(size), n=size, seed=2 * seed + 1, epoch=number)
        return tf.gather(records, order[tf.where(number == first_group, tf.constant(inside, tf.int64), 0) :])

    return positions(first_group).map(read_group).prefetch(1).unbatch()


def _locate(files: RecordFiles, members: Callable, start: int, n_groups: int) -> tuple[int, int]:
    """The number of the group that holds position `start` of the endless order, and the position inside it."""
    epoch, inside = divmod(start, files.n_records)
    counts = np.asarray(files.counts)
    number = epoch * n_groups
    while inside >= (size := int(counts[members(tf.constant(number, tf.int64)).numpy()].sum())):
        inside -= size
        number += 1
    return number, inside


def _read(files: RecordFiles, indices: tf.Tensor) -> tf.Tensor:
    """All N records, strings (N,), of the files with the K `indices`.

    Fails with the name of a file that holds fewer records than expected, since TensorFlow's reader ends silently if a
    file was truncated between two records or inside a header.
    """
    paths, counts, skips = (tf.constant(column) for column in (files.paths, files.counts, files.skips))

    def read_one(index: tf.Tensor) -> tf.data.Dataset:
        count = tf.cast(counts[index], tf.int64)
        part = tf.data.TFRecordDataset(paths[index]).skip(tf.cast(skips[index], tf.int64)).take(count)
        nothing = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))  # the result of an empty file
        return part.batch(count).concatenate(nothing).take(1).map(lambda rows: _complete(rows, count, paths[index]))

    files_of_group = tf.data.Dataset.from_tensor_slices(indices)
    columns = files_of_group.interleave(read_one, cycle_length=4, num_parallel_calls=4, deterministic=True)
    total = tf.reduce_sum(tf.cast(tf.gather(counts, indices), tf.int64))
    records = columns.unbatch().batch(total).get_single_element()
    return _complete(records, total, paths[indices[0]])


def _complete(records: tf.Tensor, count: tf.Tensor, path: tf.Tensor) -> tf.Tensor:
    size = tf.shape(records, tf.int64)[0]
    complete = tf.debugging.Assert(
        size == count,
        [
            "A record file must hold all its records; received",
            size,
            "of",
            count,
            "in (or after)",
            path,
            ". Restore the file.",
        ],
    )
    with tf.control_dependencies([complete]):
        return tf.identity(records)
