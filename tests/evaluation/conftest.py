"""Stand-ins for the evaluation's tests: a small data set and a sampler."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.source import Examples


@pytest.fixture(autouse=True)
def own_cache(cache):
    """Every test of the evaluation has an empty cache."""


@pytest.fixture
def examples():
    """Two classes, dark and bright, 200 images of 8 x 8; agreement is the mean brightness of the bright ones."""
    rng = np.random.default_rng(0)
    labels = np.arange(200, dtype=np.int32) % 2
    images = np.clip(rng.normal(60 + 130 * labels[:, None, None, None], 20, (200, 8, 8, 3)), 0, 255).astype(np.uint8)

    def ordered():
        return tf.data.Dataset.from_tensor_slices((images, labels))

    def stream(*, seed, start=0, stride=1):
        return ordered().repeat().skip(start).shard(stride, 0)

    def agreement(images, labels):
        return np.where(labels == 1, (np.asarray(images).mean((1, 2, 3)) + 1) / 2, np.nan)

    return Examples(
        name="two",
        class_names=("dark", "bright"),
        n_examples=200,
        fingerprint="two v1",
        stream=stream,
        ordered=ordered,
        agreement=agreement,
    )


class Painter:
    """A sampler that paints image i from (seed, i, label) alone and counts its calls."""

    def __init__(self, shift=0):
        self.shift = shift
        self.calls = 0

    def batches(self, labels, *, seed, start):
        self.calls += 1
        for first in range(start, len(labels), 32):
            rows = range(first, min(first + 32, len(labels)))
            yield np.stack([self.paint(seed, i, labels[i]) for i in rows])

    def paint(self, seed, i, label):
        rng = np.random.default_rng([seed, i])
        return np.clip(rng.normal(60 + 130 * label + self.shift, 20, (8, 8, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def painter():
    return Painter
