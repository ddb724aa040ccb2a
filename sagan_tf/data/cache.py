"""Small data sets stay in memory: decoded, cropped and resized once."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from sagan_tf.data.order import random_access
from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.foundation.progress import Progress


def in_memory(examples: Examples, resolution: int, transform: Transform, cache_bytes: int) -> Examples:
    """The same examples, at R x R and read from memory; as they were where that would take over `cache_bytes`.

    Only what costs a decode is kept. The most recent two sets are kept for the next call with the same arguments.
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
        for image, label in rows.batch(256).as_numpy_iterator():
            images[done : done + len(label)], labels[done : done + len(label)] = image, label
            done += len(label)
            progress.update(len(label))
    if done != examples.n_examples:
        raise RuntimeError(
            f"{examples.name} must give its {examples.n_examples} examples in one pass; received {done}."
        )
    pixels, classes = tf.constant(images), tf.constant(labels)
    stream, ordered = random_access(len(labels), lambda i: (pixels[i], classes[i]), parallel=False)
    return dataclasses.replace(examples, stream=stream, ordered=ordered, costly=False)
