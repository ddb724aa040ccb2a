import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.records import RecordFiles, sequential_access
from sagan_tf.data.source import DataError


@pytest.fixture
def files(tmp_path):
    """Five files of 7, 3, 10, 1 and 6 records; the records are numbered 0 ... 26 and hold their numbers."""
    counts, number, paths = (7, 3, 10, 1, 6), 0, []
    for i, count in enumerate(counts):
        paths.append(str(tmp_path / f"{i}.tfrecord"))
        with tf.io.TFRecordWriter(paths[-1]) as writer:
            for _ in range(count):
                writer.write(str(number).encode())
                number += 1
    return RecordFiles(paths=tuple(paths), counts=counts, skips=(0,) * 5)


def parse(record):
    return tf.strings.to_number(record, tf.int32)


def numbers(files, count, *, block=8, **where):
    stream, _ = sequential_access(files, parse, block=block)
    return np.array(list(stream(**{"seed": 0, **where}).take(count).as_numpy_iterator()))


def test_ordered_is_every_record_in_order(files):
    _, ordered = sequential_access(files, parse)
    np.testing.assert_array_equal(list(ordered().as_numpy_iterator()), np.arange(27))


@pytest.mark.parametrize("block", [1, 8, 1000])
def test_every_epoch_is_a_permutation_of_its_own(files, block):
    epochs = numbers(files, 81, block=block).reshape(3, 27)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(27), (3, 1)))
    assert not np.array_equal(epochs[0], epochs[1]) and not np.array_equal(epochs[1], epochs[2])
    assert not np.array_equal(numbers(files, 27, block=block, seed=1), epochs[0])


def test_the_records_of_one_file_are_in_another_order_in_each_epoch(files):
    """Here no permutation of files hides that of the records."""
    ten = RecordFiles(paths=files.paths[2:3], counts=(10,), skips=(0,))
    epochs = numbers(ten, 40).reshape(4, 10)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(10, 20), (4, 1)))
    assert len({tuple(epoch) for epoch in (np.arange(10, 20), *epochs)}) == 5


def test_a_large_block_mixes_the_files(files):
    assert len(set(np.searchsorted([7, 10, 20, 21], numbers(files, 10, block=1000), side="right"))) >= 3


@pytest.mark.parametrize("block", [1, 8, 1000])
def test_a_start_anywhere_gives_the_rest_of_the_order(files, block):
    order = numbers(files, 81, block=block)
    for start in (6, 80):
        np.testing.assert_array_equal(numbers(files, 81 - start, block=block, start=start), order[start:])


def test_a_start_reads_only_the_group_it_lies_in(files, tmp_path):
    """With a file a group, all others may be gone."""
    order = numbers(files, 27, block=1)
    start = int(np.flatnonzero((order >= 10) & (order < 20))[0])  # the file of ten
    for i in (0, 1, 3, 4):
        (tmp_path / f"{i}.tfrecord").unlink()
    np.testing.assert_array_equal(numbers(files, 9, block=1, start=start + 1), order[start + 1 : start + 10])


def test_hosts_have_files_of_their_own(files):
    first, second = numbers(files, 23, start=0, stride=2), numbers(files, 4, start=1, stride=2)
    np.testing.assert_array_equal(np.sort(np.concatenate([first, second])), np.arange(27))
    np.testing.assert_array_equal(numbers(files, 10, start=0 + 13 * 2, stride=2), first[13:])


def test_more_hosts_than_files_share_the_order(files):
    order = numbers(files, 27)
    for host in (0, 6):
        np.testing.assert_array_equal(numbers(files, 3, start=host, stride=7), order[host : host + 21 : 7])


def test_parts_of_files(files):
    parts = RecordFiles(paths=files.paths[:3], counts=(2, 3, 4), skips=(5, 0, 1))
    _, ordered = sequential_access(parts, parse)
    np.testing.assert_array_equal(list(ordered().as_numpy_iterator()), [5, 6, 7, 8, 9, 11, 12, 13, 14])


def cut(path, where):
    """A record takes 12 bytes of header, its content and 4 bytes of checksum: here 17 for one digit, 18 for two."""
    content = path.read_bytes()
    path.write_bytes(content[: {"boundary": 3 * 18, "header": 3 * 18 + 5, "content": 3 * 18 + 13, "start": 0}[where]])


@pytest.mark.parametrize("where", ["boundary", "header", "content", "start"])
def test_a_cut_file_is_an_error_wherever_it_was_cut(files, tmp_path, where):
    cut(tmp_path / "2.tfrecord", where)
    with pytest.raises(tf.errors.OpError, match=r"2\.tfrecord|DataLoss|corrupted|truncated"):
        numbers(files, 27, block=1)


@pytest.mark.parametrize("where", ["boundary", "content"])
def test_a_cut_file_is_told_in_a_sentence(files, tmp_path, where):
    cut(tmp_path / "2.tfrecord", where)
    rows = sequential_access(files, parse, block=1)[1]().as_numpy_iterator()
    said = {"boundary": r"received 3 of 10 in \(or after\) .*2\.tfrecord", "content": r"a truncated record at \d+"}
    with pytest.raises(DataError, match=rf"ecord file must .*{said[where]}.*Restore the file\.$"):
        list(with_plain_errors(rows))


@pytest.mark.parametrize("byte", [0, 9, 12, 15])
def test_a_flipped_byte_is_an_error(files, tmp_path, byte):
    content = bytearray((tmp_path / "4.tfrecord").read_bytes())
    content[byte] ^= 1
    (tmp_path / "4.tfrecord").write_bytes(content)
    with pytest.raises(tf.errors.OpError):
        numbers(files, 27)


def test_empty_parts_are_refused(files):
    with pytest.raises(ValueError, match=r"counts=\(0,\)"):
        RecordFiles(paths=files.paths[:1], counts=(0,), skips=(0,))
