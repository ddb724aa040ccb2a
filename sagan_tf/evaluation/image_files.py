"""Opens images from any source as examples: an .npz of `arr_0`, an .npy, a folder, or a data set by its name."""

import dataclasses
import hashlib
import pathlib

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_names import in_order
from sagan_tf.data.from_flag import named_source
from sagan_tf.data.order import random_access
from sagan_tf.data.source import DataError, Examples, LabelKind
from sagan_tf.evaluation.array_files import read_images
from sagan_tf.evaluation.measured_folders import open_folder
from sagan_tf.foundation.home_folder import with_home

ONE_CLASS = ("all",)


def open_images(path: str, *, resolution: int | None = None, data_dir: str | None = None) -> tuple[Examples, int]:
    """Opens images, and returns them with the resolution that they are measured at, in pixels per side.

    path: one of
      - an .npz with `arr_0` uint8 (N,H,W,3), as `sagan_tf.sample` and BigGAN's tools write it. `labels` (N,), if known,
        are names, or indices from 0 on that `class_names` may name;
      - an .npy of the images alone;
      - a folder of images in any layout, or of prepared shards;
      - a data set by its name, as for `--data`: `tfds:NAME:SPLIT` or `procedural`.
    resolution: None uses the images' own, if all of them are squares of one size. Other images are cropped and resized
      by the data set's transform.

    Raises:
      DataError: for anything that can't be read in this way.
    """
    if source := named_source(path, data_dir):
        if resolution is None:
            raise DataError(f"a resolution must be given for a data set; received {path} without. Add --resolution=R.")
        return source.open(resolution), resolution
    file = with_home(path)
    if file.is_dir():
        return open_folder(file, resolution=resolution)
    images, labels = read_images(file)
    if resolution is None and images.shape[1] != images.shape[2]:
        raise DataError(
            f"images must be square, or a resolution be given; received {path} with arr_0 of shape "
            f"{images.shape}. Add --resolution=R to crop and resize them."
        )
    examples, side = _examples(file, images, labels), resolution or images.shape[1]
    if images.shape[1:3] != (side, side):
        note = (
            f"{file}: its images of {images.shape[2]} x {images.shape[1]} pixels are cropped and resized to "
            f"{side} x {side}, which changes what is measured."
        )
        examples = dataclasses.replace(examples, notes=(note,))
    return examples, side


def _examples(file: pathlib.Path, images: np.ndarray, labels: np.ndarray | None) -> Examples:
    kind: LabelKind = "named"
    if labels is None:
        names, classes, kind = ONE_CLASS, np.zeros(len(images), np.int32), "none"
    elif labels.dtype.kind == "U":
        names = in_order(labels.tolist())
        index = {name: i for i, name in enumerate(names)}
        classes = np.array([index[name] for name in labels.tolist()], np.int32)
    else:
        names, classes, kind = tuple(map(str, range(int(labels.max()) + 1))), labels, "numbered"
    digest = hashlib.sha256(np.ascontiguousarray(images))
    digest.update(classes.tobytes())
    if kind == "named":
        digest.update("\n".join(names).encode())

    def read(index):
        image, label = tf.numpy_function(
            lambda i: (images[i], classes[i]), [index], (tf.uint8, tf.int32), stateful=False
        )
        return tf.ensure_shape(image, images.shape[1:]), tf.ensure_shape(label, ())

    stream, ordered = random_access(len(images), read)
    return Examples(
        name=f"npz:{file.name}",
        class_names=names,
        n_examples=len(images),
        fingerprint=f"npz {digest.hexdigest()[:24]} {images.shape}",
        stream=stream,
        ordered=ordered,
        costly=False,
        label_kind=kind,
    )
