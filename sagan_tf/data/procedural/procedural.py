"""The procedural data set: five textures and five structures, drawn at any resolution from (seed, index) alone."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_names import relabeled
from sagan_tf.data.order import random_access
from sagan_tf.data.procedural.drawing import uniforms
from sagan_tf.data.procedural.long_range_agreement import agreement
from sagan_tf.data.procedural.structures import STRUCTURES
from sagan_tf.data.procedural.textures import TEXTURES
from sagan_tf.data.python_reads import python_read
from sagan_tf.data.source import DataError, Examples, check_types
from sagan_tf.data.survey import Survey, survey_examples
from sagan_tf.foundation.choices import check_choice

PAINTERS = {**TEXTURES, **STRUCTURES}
VERSION = 1  # of the drawings, to be increased with any change of a pixel; part of the fingerprint
Split = Literal["train", "validation"]
_IN_MEMORY = 512 * 2**20  # bytes up to which all images are drawn when the data set is opened
_CHUNK_PIXELS = 2**20  # pixels drawn at a time, to bound the memory of intermediate arrays


def render(indices: np.ndarray, *, resolution: int, seed: int) -> np.ndarray:
    """Draws the images with these indices (N,); image i is of class i % 10 -> uint8 (N, R, R, 3)."""
    indices = np.asarray(indices, np.int64)
    images = np.empty((len(indices), resolution, resolution, 3), np.uint8)
    chunk = max(1, _CHUNK_PIXELS // resolution**2)
    for label, painter in enumerate(PAINTERS.values()):
        rows = np.flatnonzero(indices % len(PAINTERS) == label)
        for part in np.split(rows, range(chunk, len(rows), chunk)):
            picture = painter(uniforms(seed, indices[part], 8), resolution)
            images[part] = np.rint(picture * 255)
    return images


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProceduralSource:
    """Ten classes without a download: five defined by local statistics, five by the agreement of distant parts.

    This is the distinction of Zhang et al. (2019, section 1): convolutions suffice for textures, while attention helps
    with geometry across the whole image. The two splits share no image.

    Attributes:
      n_examples: images per epoch; classes alternate, so that their numbers of images differ by at most one.
      seed: each seed gives another data set with the same classes.
      split: "train" or "validation".
    """

    n_examples: int = 10_000
    seed: int = 0
    split: Split = "train"

    def __post_init__(self):
        check_types(self, n_examples=int, seed=int, split=str)
        if self.n_examples < len(PAINTERS):
            raise DataError(
                f"The procedural set must have an image of each of its {len(PAINTERS)} classes; received "
                f"n_examples={self.n_examples}."
            )
        check_choice("ProceduralSource", "split", self.split, get_args(Split), error=DataError)

    def class_names(self) -> tuple[str, ...]:
        return tuple(PAINTERS)

    def open(self, resolution: int, *, class_names: Sequence[str] | None = None) -> Examples:
        """Draws all images at once if the data set is small, else each image when it is read.

        Raises:
          DataError: for a resolution out of range, or a class that `class_names` lacks.
        """
        if not 8 <= resolution <= 1024:
            raise DataError(f"The procedural set's resolution must be in 8..1024; received resolution={resolution}.")
        draw = functools.partial(render, resolution=resolution, seed=2 * self.seed + (self.split == "validation"))
        small = self.n_examples * resolution**2 * 3 <= _IN_MEMORY
        read = _reader_of_array(draw(np.arange(self.n_examples))) if small else _reader_of_drawings(draw, resolution)
        stream, ordered = random_access(self.n_examples, read, parallel=not small)
        identity = f"procedural v{VERSION} seed={self.seed} split={self.split} n={self.n_examples} at {resolution}"
        examples = Examples(
            name=f"procedural:{self.split}",
            class_names=self.class_names(),
            n_examples=self.n_examples,
            fingerprint=identity,
            stream=stream,
            ordered=ordered,
            agreement=agreement,
            costly=False,
        )
        return relabeled(examples, class_names)

    def validation(self) -> "ProceduralSource":
        return dataclasses.replace(self, split="validation")

    def survey(self, resolution: int) -> Survey:
        return survey_examples(self.open(resolution))


def _label(index: tf.Tensor) -> tf.Tensor:
    return tf.cast(index % len(PAINTERS), tf.int32)


def _reader_of_array(images: np.ndarray):
    array = tf.constant(images)
    return lambda index: (array[index], _label(index))


def _reader_of_drawings(draw, resolution: int):
    def read(index):
        image = python_read(lambda i: draw(i[None])[0], index, tf.uint8)
        return tf.ensure_shape(image, (resolution, resolution, 3)), _label(index)

    return read
