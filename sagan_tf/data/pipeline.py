"""Batches in [-1, 1] from an opened data set: deterministic, and restartable at any batch.

Shapes: B images per batch, R x R pixels.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from sagan_tf.data.order import positions, random_access
from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import DataError, Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.foundation.progress import Progress

_CROP, _FLIP, _DEQUANTIZE = 1, 2, 3  # streams of random numbers, one per use


def training_batches(
    examples: Examples,
    *,
    resolution: int,
    batch_size: int,
    seed: int,
    start_batch: int = 0,
    transform: Transform,
    host: int = 0,
    hosts: int = 1,
    cache_bytes: int = 2**30,
) -> tf.data.Dataset:
    """Endless shuffled batches (float32 (B, R, R, 3) in [-1, 1], int32 (B,)) of static shape.

    Batch n is a pure function of (seed, n): a pipeline that starts at `start_batch=n` gives exactly the batches of an
    uninterrupted run from there on, without reading the earlier ones.

    Args:
      examples: the opened data set.
      resolution: R, in pixels.
      batch_size: B on this host. Row r of host h's batch n is example (n * B + r) * hosts + h of the common order, so
        that no two hosts read the same example.
      seed: of the order and of the transform's randomness.
      start_batch: the number of batches that the run has already consumed.
      transform: crop, resize, flip and scale.
      host, hosts: the index of this process among those that read, and their number. Together, the batches n of all
        hosts are the batch n of a single host, random numbers included, unless the examples come from record files.
      cache_bytes: data sets whose resized images need no more than this are decoded once and kept in memory; 0 never
        caches.

    Raises:
      ValueError: if batch_size, start_batch or host is out of range.
    """
    if batch_size < 1 or start_batch < 0 or not 0 <= host < hosts:
        raise ValueError(
            f"A pipeline must have batch_size >= 1, start_batch >= 0 and 0 <= host < hosts; received "
            f"batch_size={batch_size}, start_batch={start_batch}, host={host}, hosts={hosts}."
        )
    if transform.crop == "center":
        examples = in_memory(examples, resolution, transform, cache_bytes)
    start = start_batch * batch_size * hosts + host
    stream = examples.stream(seed=seed, start=start, stride=hosts)
    if transform.crop == "random":
        rows = tf.data.Dataset.zip((stream, positions(start, hosts))).map(
            lambda row, position: (transform.resized(row[0], resolution, _uniform((), seed, position, _CROP)), row[1]),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    else:
        rows = _resized(stream, resolution, transform)
    firsts = positions(start, batch_size * hosts)
    batches = tf.data.Dataset.zip((rows.batch(batch_size, drop_remainder=True), firsts)).map(
        lambda batch, first: (_augmented(batch[0], transform, seed, first, host, hosts), _checked(batch[1], examples)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return _finished(batches)


def evaluation_batches(
    examples: Examples, *, resolution: int, batch_size: int, transform: Transform, cache_bytes: int = 2**30
) -> tf.data.Dataset:
    """One ordered pass of batches (float32 (b, R, R, 3) in [-1, 1], int32 (b,)) with b <= batch_size.

    Images are cropped at the center and not flipped; to dequantize, 1/2 takes the place of the noise. Every example
    appears exactly once; the last batch holds the remaining ones.

    Raises:
      ValueError: if batch_size is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"A pipeline must have batch_size >= 1; received batch_size={batch_size}.")
    if transform.crop == "center":
        examples = in_memory(examples, resolution, transform, cache_bytes)
    batches = _resized(examples.ordered(), resolution, transform.without_randomness()).batch(batch_size)
    return _finished(batches.map(lambda images, labels: (transform.scaled(images), _checked(labels, examples))))


def in_memory(examples: Examples, resolution: int, transform: Transform, cache_bytes: int) -> Examples:
    """The same examples, cropped and resized to R x R once and then read from memory.

    Examples are returned unchanged if they would need more than `cache_bytes`, or if they need no decoding anyway. The
    last two data sets are kept for further calls with the same arguments.
    """
    if not examples.costly or examples.n_examples * resolution**2 * 3 > cache_bytes:
        return examples
    return _decoded(examples, resolution, transform.without_randomness())


@functools.lru_cache(maxsize=2)
def _decoded(examples: Examples, resolution: int, transform: Transform) -> Examples:
    images = np.empty((examples.n_examples, resolution, resolution, 3), np.uint8)
    labels = np.empty(examples.n_examples, np.int32)
    rows = examples.ordered().map(
        lambda image, label: (transform.resized(image, resolution), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    done = 0
    with Progress(total=examples.n_examples, unit="image", title="reading into memory") as progress:
        for image, label in with_plain_errors(rows.batch(256).as_numpy_iterator()):
            images[done : done + len(label)], labels[done : done + len(label)] = image, label
            done += len(label)
            progress.update(len(label))
    if done != examples.n_examples:
        raise RuntimeError(
            f"{examples.name} must give its {examples.n_examples} examples in one pass; received {done}."
        )
    for label in np.unique(labels):
        if not 0 <= label < len(examples.class_names):
            raise DataError(f"{_label_rule(examples)} Received {label}.")
    pixels, classes = tf.constant(images), tf.constant(labels)
    stream, ordered = random_access(len(labels), lambda i: (pixels[i], classes[i]), parallel=False)
    return dataclasses.replace(examples, stream=stream, ordered=ordered, costly=False)


def _resized(rows: tf.data.Dataset, resolution: int, transform: Transform) -> tf.data.Dataset:
    if rows.element_spec[0].shape == (resolution, resolution, 3):
        return rows
    return rows.map(
        lambda image, label: (transform.resized(image, resolution), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _uniform(shape, seed: int, position: tf.Tensor, use: int) -> tf.Tensor:
    """Uniform float32 in [0, 1), a pure function of (seed, position, use)."""
    key = tf.stack([tf.constant(seed * 8 + use, tf.int64), position])
    return tf.random.stateless_uniform(shape, key)


def _augmented(
    images: tf.Tensor, transform: Transform, seed: int, first: tf.Tensor, host: int, hosts: int
) -> tf.Tensor:
    """Flips and scales a batch, whose first row is at position `first` of the order.

    Random numbers are drawn for the batch of all hosts together, and this host takes its own rows of them.
    """

    def uniform(shape, use: int) -> tf.Tensor:
        return _uniform((shape[0] * hosts, *shape[1:]), seed, first - host, use)[host::hosts]

    if transform.flip:
        mirrored = uniform((images.shape[0], 1, 1, 1), _FLIP) < 0.5
        images = tf.where(mirrored, images[:, :, ::-1], images)
    noise = uniform(tuple(images.shape), _DEQUANTIZE) if transform.dequantize else None
    return transform.scaled(images, noise)


def _label_rule(examples: Examples) -> str:
    return f"A label of {examples.name} must be in 0..{len(examples.class_names) - 1}. Check the data set's labels."


def _checked(labels: tf.Tensor, examples: Examples) -> tf.Tensor:
    """Checks that every label is a class, since accelerators clamp or wrap wrong indices silently."""
    n_classes = len(examples.class_names)
    message = _label_rule(examples)
    with tf.control_dependencies(
        [tf.debugging.assert_non_negative(labels, message), tf.debugging.assert_less(labels, n_classes, message)]
    ):
        return tf.identity(labels)


def _finished(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)
