"""Images made by anybody: an .npz of `arr_0`, an .npy or a folder, opened as examples."""

import hashlib
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from sagan_tf.data.folder_layout import find_images
from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder import ImageFolder
from sagan_tf.data.order import random_access
from sagan_tf.data.source import DataError, Examples
from sagan_tf.evaluation.array_files import read_images

ONE_CLASS = ("all",)


def open_images(path: str, *, resolution: int | None = None, data_dir: str | None = None) -> tuple[Examples, int]:
    """The images of an .npz, a folder, `tfds:NAME:SPLIT` or `procedural`, and the side that they are measured at.

    .npz: `arr_0` uint8 (N,H,W,3), as the sampling verb and BigGAN's tools write it, and, if they are known, `labels`
    (N,), indices from 0 on or names. .npy: the images alone. Folder: class folders, or flat.
    The side is `resolution`, or the images' own where they are square; others are cropped and resized by the data set's
    transform. Raises DataError for what can't be read so.
    """
    if path == "procedural" or path.startswith("tfds:"):
        if resolution is None:
            raise DataError(f"a resolution must be given for a data set; received {path} without. Add --resolution=R.")
        return source_from_flag(path, data_dir).open(resolution), resolution
    file = pathlib.Path(path).expanduser()
    if file.is_dir():
        side = resolution or _side_of_first(file)
        return ImageFolder(path=str(file)).open(side), side
    images, labels = read_images(file)
    if resolution is None and images.shape[1] != images.shape[2]:
        raise DataError(
            f"images must be square, or a resolution be given; received {path} with arr_0 of shape "
            f"{images.shape}. Add --resolution=R to crop and resize them."
        )
    return _examples(file, images, labels), resolution or images.shape[1]


def _examples(file: pathlib.Path, images: np.ndarray, labels: np.ndarray | None) -> Examples:
    if labels is None:
        names, classes = ONE_CLASS, np.zeros(len(images), np.int32)
    elif labels.dtype.kind == "U":
        found, indices = np.unique(labels, return_inverse=True)
        names, classes = tuple(found.tolist()), indices.astype(np.int32)
    else:
        names, classes = tuple(str(label) for label in range(int(labels.max()) + 1)), labels
    digest = hashlib.sha256(np.ascontiguousarray(images))
    digest.update(classes.tobytes())

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
    )


def _side_of_first(folder: pathlib.Path) -> int:
    found = find_images(folder, None)
    path = found.root / found.paths[0]
    try:
        with Image.open(path) as image:
            width, height = image.size
    except OSError as error:
        raise DataError(f"an image must be readable; received {path}: {error}. Replace it or take it away.") from error
    if width != height:
        raise DataError(
            f"images must be square, or a resolution be given; received {path} of {width} x {height} "
            "pixels. Add --resolution=R to crop and resize them."
        )
    return width
