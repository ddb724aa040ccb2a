"""A folder of images in class folders, checked file by file before anything else is done."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from sagan_tf.data.decoding import MAX_PIXELS, decode
from sagan_tf.data.file_check import check_files
from sagan_tf.data.fingerprints import class_digests, content_key, stamp_key
from sagan_tf.data.folder_layout import find_images
from sagan_tf.data.order import random_access
from sagan_tf.data.python_reads import python_read
from sagan_tf.data.source import DataError, Examples, check_types


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """`path/CLASS/*.{png,jpg,jpeg,webp,bmp}`, or one level deeper below split folders, or flat.

    The classes are the names of the class folders, sorted by code point. A flat folder of images is one class, for an
    unconditional model. Grey, palette, CMYK and 16-bit files become 8-bit RGB, transparent pixels show white, and the
    orientation that a camera noted is applied (see `decoding.decode`).

    Attributes:
      path: the folder.
      split: which split folder to read where there are such ("train", "val", ...); by default "train" or "training".
      min_short_edge: leave out images whose short edge has fewer pixels (BigGAN at 512: 400; SNGAN: 256).
      max_pixels: refuse files of more pixels than this, by their header, before they fill the memory.
    """

    path: str
    split: str | None = None
    min_short_edge: int = 0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self):
        check_types(self, path=str, split=str, min_short_edge=int, max_pixels=int)

    def class_names(self) -> tuple[str, ...]:
        return find_images(pathlib.Path(self.path), self.split).class_names

    def open(self, resolution: int) -> Examples:
        """Decodes every file once to check it (the result is remembered). Raises DataError, naming each bad file."""
        found = find_images(pathlib.Path(self.path), self.split)
        report = check_files(found.root, found.paths, max_pixels=self.max_pixels)
        report.raise_if_bad(found.root)
        wide_enough = report.short_edges >= self.min_short_edge
        paths = [path for path, keep in zip(found.paths, wide_enough, strict=True) if keep]
        labels = np.asarray(found.labels, np.int32)[wide_enough]
        self._refuse_emptied_classes(found.class_names, labels)
        notes = list(found.notes)
        if left_out := len(found.paths) - len(paths):
            notes.append(f"{left_out} images with a short edge below {self.min_short_edge} pixels are left out.")
        stream, ordered = random_access(len(paths), _reader(found.root, paths, labels))
        return Examples(
            name=f"folder:{found.root}",
            class_names=found.class_names,
            n_examples=len(paths),
            fingerprint=f"folder content={content_key(report)} min_short_edge={self.min_short_edge}",
            former_fingerprint=f"folder {stamp_key(report)} min_short_edge={self.min_short_edge}",
            class_digests=class_digests(report, found.labels, len(found.class_names)),
            stream=stream,
            ordered=ordered,
            notes=tuple(notes),
        )

    def _refuse_emptied_classes(self, class_names: tuple[str, ...], labels: np.ndarray):
        counts = np.bincount(labels, minlength=len(class_names))
        if empty := [name for name, count in zip(class_names, counts, strict=True) if not count]:
            raise DataError(
                f"Every class must keep an image of a short edge of {self.min_short_edge} pixels or more; "
                f"received none in {', '.join(empty)}. Lower min_short_edge or remove these folders."
            )


def _reader(root: pathlib.Path, paths: list[str], labels: np.ndarray):
    """read(index) -> (uint8 (h, w, 3), int32 label) by Pillow, which knows all color modes, outside Python's lock."""
    names, classes = tf.constant(paths), tf.constant(labels)

    def load(name: bytes) -> np.ndarray:
        return decode(root / name.decode())

    def read(index):
        return tf.ensure_shape(python_read(load, names[index], tf.uint8), (None, None, 3)), classes[index]

    return read
