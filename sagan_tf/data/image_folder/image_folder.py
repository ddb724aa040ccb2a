"""A folder of images in class folders, each file of which is checked before it is used."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sagan_tf.data.image_folder.decoding import MAX_PIXELS, UnreadableImageError, decode
from sagan_tf.data.image_folder.file_check import check_files
from sagan_tf.data.image_folder.layout import VALIDATION_SPLITS, FoundImages, find_images
from sagan_tf.data.order import random_access
from sagan_tf.data.python_reads import python_read
from sagan_tf.data.source import DataError, Examples, check_types, printable
from sagan_tf.data.survey import Survey
from sagan_tf.foundation.home_folder import with_home


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """Images in `path/CLASS/*.{png,jpg,jpeg,webp,bmp}`, one level deeper below split folders, or all in `path`.

    The classes are the names of the class folders: sorted by value where all of them are integers, else by code point.
    A flat folder of images, or one with a single class folder, has no classes, unless StyleGAN's dataset.json is next
    to the images and gives their labels. All color modes are converted to 8-bit RGB (see `decoding.decode`).

    Attributes:
      path: the folder.
      split: which split folder to read if there are any ("train", "val", ...); by default "train" or "training".
      min_short_edge: leave out images whose short edge has fewer pixels (BigGAN at 512: 400; SNGAN: 256).
      max_pixels: refuse files with more pixels according to their header, before they fill the memory.
      any_layout: accept images outside of one level of class folders as images without classes instead of refusing
        them; for evaluation, which may not need classes.
    """

    path: str
    split: str | None = None
    min_short_edge: int = 0
    max_pixels: int = MAX_PIXELS
    any_layout: bool = False

    def __post_init__(self):
        check_types(self, path=str, split=str, min_short_edge=int, max_pixels=int)

    def class_names(self) -> tuple[str, ...]:
        return self._found().class_names

    def open(self, resolution: int, *, class_names: Sequence[str] | None = None) -> Examples:
        """Decodes every file once to check it; results are cached.

        Raises:
          DataError: naming each bad file, or for an unusable layout.
        """
        found = self._found(class_names)
        report = check_files(found.root, found.paths, max_pixels=self.max_pixels)
        report.raise_if_bad(found.root)
        large_enough = report.short_edges >= self.min_short_edge
        paths = [path for path, large in zip(found.paths, large_enough, strict=True) if large]
        labels = np.asarray(found.labels, np.int32)[large_enough]
        self._refuse_emptied_classes(found, labels)
        notes = list(found.notes)
        if left_out := len(found.paths) - len(paths):
            notes.append(f"{left_out} images with a short edge below {self.min_short_edge} pixels are left out.")
        gray = all(gray for gray, large in zip(report.grays, large_enough, strict=True) if large)
        stream, ordered = random_access(len(paths), _reader(found.root, paths, labels, self.max_pixels))
        return Examples(
            name=printable(f"folder:{found.root}"),
            class_names=found.class_names,
            n_examples=len(paths),
            fingerprint=f"folder content={report.content_key()}{_labels_key(found)} "
            f"min_short_edge={self.min_short_edge}",
            former_fingerprint=f"folder {report.stamp_key()} min_short_edge={self.min_short_edge}",
            class_digests=report.class_digests(found.labels, len(found.class_names)),
            stream=stream,
            ordered=ordered,
            notes=tuple(notes),
            label_kind=found.label_kind,
            gray=gray,
        )

    def validation(self) -> "ImageFolder":
        """The images of the split folder val, valid or validation, in any case.

        Raises:
          DataError: if there is none.
        """
        root = with_home(self.path)
        folders = {path.name.lower() for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
        found = [split for split in VALIDATION_SPLITS if split in folders]
        if not found:
            raise DataError(
                f"Validation images must be in a split folder named val, next to train; received {self.path} without "
                "one. Create it, or name other images: --reference=FOLDER."
            )
        return dataclasses.replace(self, split=found[0])

    def survey(self, resolution: int) -> Survey:
        """Checks every file; duplicates are files with equal bytes.

        Raises:
          DataError: for an unusable layout.
        """
        found = self._found()
        report = check_files(found.root, found.paths, max_pixels=self.max_pixels)
        return Survey(
            name=printable(f"folder {found.root}"),
            class_names=found.class_names,
            names=tuple(map(printable, found.paths)),
            labels=np.asarray(found.labels),
            sizes=report.sizes,
            digests=tuple(map(bytes.fromhex, report.digests)),
            bad={printable(path): reason for path, reason in report.bad.items()},
            notes=found.notes,
            label_kind=found.label_kind,
            gray=all(report.grays),
        )

    def _found(self, class_names: Sequence[str] | None = None) -> FoundImages:
        return find_images(pathlib.Path(self.path), self.split, class_names=class_names, any_layout=self.any_layout)

    def _refuse_emptied_classes(self, found: FoundImages, labels: np.ndarray):
        if emptied := sorted(set(found.labels) - set(labels.tolist())):
            empty = [found.class_names[label] for label in emptied]
            raise DataError(
                f"Every class must have an image with a short edge of {self.min_short_edge} pixels or more; "
                f"received none in {', '.join(empty)}. Lower min_short_edge or remove these folders."
            )


def _labels_key(found: FoundImages) -> str:
    """Identity of the labels that a file gives; "" if the folders are the classes."""
    if found.labels_from is None:
        return ""
    rows = sorted((path, found.class_names[label]) for path, label in zip(found.paths, found.labels, strict=True))
    return f" labels={hashlib.sha256(os.fsencode(repr(rows))).hexdigest()[:12]}"


def _reader(root: pathlib.Path, paths: list[str], labels: np.ndarray, max_pixels: int):
    """read(index) -> (uint8 (h, w, 3), int32 label), decoded by Pillow, which releases Python's lock."""
    names, classes = tf.constant([os.fsencode(path) for path in paths]), tf.constant(labels)

    def load(name: bytes) -> np.ndarray:
        path = root / os.fsdecode(name)
        try:
            return decode(path, max_pixels=max_pixels)
        except UnreadableImageError as error:
            raise DataError(
                f"Every image file must stay readable while it is in use; received {path}: {error}. Put it back and "
                f"repeat the command."
            ) from error

    def read(index):
        return tf.ensure_shape(python_read(load, names[index], tf.uint8), (None, None, 3)), classes[index]

    return read
