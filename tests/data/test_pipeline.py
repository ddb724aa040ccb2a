import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.order import random_access
from sagan_tf.data.pipeline import _CROP, _DEQUANTIZE, _FLIP, _uniform, evaluation_batches, training_batches
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import DataError, Examples
from sagan_tf.data.transforms import Transform

ALL_SWITCHES = Transform(flip=True, dequantize=True)


def numbered(n=50, shape=(20, 16, 3), n_classes=10, costly=True):
    """Example i is an image whose every byte is i, with label i % 10."""
    stream, ordered = random_access(n, lambda i: (tf.fill(shape, tf.cast(i, tf.uint8)), tf.cast(i % 10, tf.int32)))
    return Examples(
        name="numbered",
        class_names=tuple("abcdefghij"[:n_classes]),
        n_examples=n,
        fingerprint="1",
        stream=stream,
        ordered=ordered,
        costly=costly,
    )


def batches(examples, count, **options):
    options = {"resolution": 16, "batch_size": 8, "seed": 3, "transform": Transform(), **options}
    return list(training_batches(examples, **options).take(count).as_numpy_iterator())


def numbers(rows):
    return np.concatenate([np.rint((images[:, 0, 0, 0] + 1) * 127.5).astype(int) for images, _ in rows])


def test_shapes_are_static_and_values_scaled():
    dataset = training_batches(numbered(), resolution=16, batch_size=8, seed=0, transform=Transform())
    assert dataset.element_spec == (tf.TensorSpec((8, 16, 16, 3), tf.float32), tf.TensorSpec((8,), tf.int32))
    ((images, labels),) = batches(numbered(), 1)
    example = numbers([(images, labels)])
    np.testing.assert_array_equal(labels, example % 10)
    np.testing.assert_allclose(images[:, 5, 5, 1], example / 127.5 - 1, atol=1e-6)


def test_each_epoch_is_a_permutation_of_its_own():
    order = numbers(batches(numbered(48), 18))
    epochs = order.reshape(3, 48)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(48))
        assert np.mean(epoch == np.arange(48)) < 0.2
    assert np.mean(epochs[0] == epochs[1]) < 0.2


def test_seeds_give_different_orders():
    assert not np.array_equal(numbers(batches(numbered(), 3)), numbers(batches(numbered(), 3, seed=4)))


@pytest.mark.parametrize("transform", [Transform(), ALL_SWITCHES, Transform(crop="random", flip=True)])
@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_a_restart_gives_the_uninterrupted_batches(transform, cache_bytes):
    examples = ProceduralSource(n_examples=50).open(24)  # 24 px, so that the transform has work to do
    straight = batches(examples, 20, transform=transform, cache_bytes=cache_bytes)
    for start in (1, 13):  # 50 is no multiple of 8: epochs end inside batches
        restarted = batches(examples, 20 - start, transform=transform, start_batch=start, cache_bytes=cache_bytes)
        for (images, labels), (images_again, labels_again) in zip(straight[start:], restarted, strict=True):
            np.testing.assert_array_equal(images, images_again)
            np.testing.assert_array_equal(labels, labels_again)


def test_memory_changes_nothing_but_speed():
    for (kept, labels), (read, labels_again) in zip(
        batches(numbered(), 9), batches(numbered(), 9, cache_bytes=0), strict=True
    ):
        np.testing.assert_array_equal(kept, read)
        np.testing.assert_array_equal(labels, labels_again)


def test_memory_reads_a_costly_source_once():
    reads = tf.Variable(0)

    def read(index):
        reads.assign_add(1)
        return tf.fill((16, 16, 3), tf.cast(index, tf.uint8)), tf.constant(0)

    stream, ordered = random_access(20, read)
    examples = Examples(
        name="counted", class_names=("a",), n_examples=20, fingerprint="1", stream=stream, ordered=ordered
    )
    batches(examples, 10)
    list(evaluation_batches(examples, resolution=16, batch_size=8, transform=Transform()))
    assert reads.numpy() == 20


def test_hosts_share_the_order_between_them():
    together = numbers(batches(numbered(48), 6, batch_size=8))
    apart = [numbers(batches(numbered(48), 6, batch_size=4, host=host, hosts=2)) for host in (0, 1)]
    np.testing.assert_array_equal(np.stack(apart, axis=1).ravel(), together)


def test_hosts_share_the_noise_between_them():
    """Two hosts' batches of 4 are the rows of one host's batch of 8, flips and dequantization included."""
    examples = ProceduralSource(n_examples=40).open(16)
    together = batches(examples, 3, transform=ALL_SWITCHES)
    for host in (0, 1):
        apart = batches(examples, 3, batch_size=4, host=host, hosts=2, transform=ALL_SWITCHES)
        for (images, labels), (all_images, all_labels) in zip(apart, together, strict=True):
            np.testing.assert_array_equal(images, all_images[host::2])
            np.testing.assert_array_equal(labels, all_labels[host::2])


def test_flips_half_and_dequantizes_uniformly():
    examples = ProceduralSource(n_examples=500).open(16)
    plain = np.concatenate([x for x, _ in batches(examples, 50)])
    flipped = np.concatenate([x for x, _ in batches(examples, 50, transform=Transform(flip=True))])
    same = np.all(flipped == plain, axis=(1, 2, 3))
    mirrored = np.all(flipped == plain[:, :, ::-1], axis=(1, 2, 3))
    assert np.all(same | mirrored)
    assert 0.4 < np.mean(mirrored & ~same) / np.mean(~(same & mirrored)) < 0.6
    noise = np.concatenate([x for x, _ in batches(examples, 50, transform=Transform(dequantize=True))])
    steps = (noise + 1) * 128 - np.rint((plain + 1) * 127.5)
    assert steps.min() > -1e-4 and steps.max() < 1 + 1e-4
    assert abs(steps.mean() - 0.5) < 0.01 and abs(steps.var() - 1 / 12) < 0.002


def test_every_batch_of_every_seed_has_noise_of_its_own():
    """The noise of dequantization, the flips and the crops of images whose every pixel tells where it lies."""
    column = tf.constant(np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None], (16, 200, 3)))
    stream, ordered = random_access(4, lambda i: (column, tf.constant(0)))
    wide = Examples(name="wide", class_names=("a",), n_examples=4, fingerprint="1", stream=stream, ordered=ordered)
    noise, flips, crops = [], [], []
    for seed in (3, 4):
        for images, _ in batches(numbered(), 4, seed=seed, transform=Transform(dequantize=True)):
            noise += ((images[:, :3, 0, 0].ravel() + 1) * 128 % 1).round(3).tolist()
        for images, _ in batches(wide, 4, seed=seed, batch_size=16, transform=Transform(crop="random", flip=True)):
            rows = np.rint((images[:, 0, :, 0] + 1) * 127.5).astype(int)
            flips.append(tuple(rows[:, 0] > rows[:, -1]))
            crops += rows.min(1).tolist()
    uses = {float(_uniform((), 3, tf.constant(8, tf.int64), use)) for use in (_CROP, _FLIP, _DEQUANTIZE)}
    assert len(uses) == 3
    assert len(set(noise)) > 0.8 * len(noise) and len(set(flips)) == 8 and len(set(crops)) > 0.6 * len(crops)


def test_evaluation_sees_every_example_once_in_order():
    rows = list(evaluation_batches(numbered(50), resolution=16, batch_size=8, transform=ALL_SWITCHES))
    assert [len(labels) for _, labels in rows] == [8] * 6 + [2]
    values = np.concatenate([images[:, 0, 0, 0] for images, _ in rows])
    np.testing.assert_allclose(values, (np.arange(50) + 0.5) / 128 - 1, atol=1e-6)


def test_a_label_that_is_no_class_stops_the_run():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"0\.\.8"):
        batches(numbered(50, n_classes=9), 7, cache_bytes=0)


@pytest.mark.parametrize("bad", [{"batch_size": 0}, {"start_batch": -1}, {"host": 2, "hosts": 2}])
def test_bad_arguments_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        batches(numbered(), 1, **bad)


def test_a_data_set_without_examples_is_refused():
    with pytest.raises(DataError, match="0 examples"):
        numbered(0)


def test_replicas_share_each_batch(mirrored):
    """A distributed data set gives each replica its part of the batches that one device would have got."""
    pipeline = training_batches(numbered(), resolution=16, batch_size=8, seed=3, transform=Transform())
    parts = next(iter(mirrored.experimental_distribute_dataset(pipeline)))
    (together,) = batches(numbered(), 1)
    for part, whole in zip(parts, together, strict=True):
        values = mirrored.experimental_local_results(part)
        assert [len(value) for value in values] == [4, 4]
        np.testing.assert_array_equal(np.concatenate([value.numpy() for value in values]), whole)


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_a_label_that_is_no_class_is_told_in_a_sentence(cache_bytes):
    with pytest.raises(DataError, match=r"A label of numbered must be in 0\.\.7\. Check the data set's labels\."):
        list(with_plain_errors(training_batches_of(numbered(n_classes=8), cache_bytes)))


def training_batches_of(examples, cache_bytes):
    options = {"resolution": 16, "batch_size": 8, "seed": 3, "transform": Transform(), "cache_bytes": cache_bytes}
    return training_batches(examples, **options).take(7).as_numpy_iterator()
