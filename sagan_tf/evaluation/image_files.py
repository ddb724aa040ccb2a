"""Images made by anybody: an .npz of `arr_0` or a folder, opened as examples; and .npz files of moments."""

import hashlib
import pathlib
import zipfile

import numpy as np
import tensorflow as tf
from PIL import Image

from sagan_tf.data.folder_layout import find_images
from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder import ImageFolder
from sagan_tf.data.order import random_access
from sagan_tf.data.source import DataError, Examples
from sagan_tf.evaluation.cache import read_arrays
from sagan_tf.evaluation.moments import Moments, moments_from_arrays

ONE_CLASS = ("all",)


def open_images(path: str, *, resolution: int | None = None, data_dir: str | None = None) -> tuple[Examples, int]:
    """The images of an .npz, a folder, `tfds:NAME:SPLIT` or `procedural`, and the side that they are measured at.

    .npz: `arr_0` uint8 (N,H,W,3), as the sampling verb and BigGAN's tools write it, and, if they are known, `labels`
    (N,) from 0. Folder: class folders, or flat. The side is `resolution`, or the images' own where they are square;
    others are cropped and resized by the data set's transform. Raises DataError for what can't be read so.
    """
    if path == "procedural" or path.startswith("tfds:"):
        if resolution is None:
            raise DataError(f"a resolution must be given for a data set; received {path} without. Add --resolution=R.")
        return source_from_flag(path, data_dir).open(resolution), resolution
    file = pathlib.Path(path).expanduser()
    if file.is_dir():
        side = resolution or _side_of_first(file)
        return ImageFolder(path=str(file)).open(side), side
    images, labels = _arrays(file)
    if resolution is None and images.shape[1] != images.shape[2]:
        raise DataError(
            f"images must be square, or a resolution be given; received {path} with arr_0 of shape "
            f"{images.shape}. Add --resolution=R to crop and resize them."
        )
    return _examples(file, images, labels), resolution or images.shape[1]


def read_moments(path: str) -> tuple[Moments, dict] | None:
    """Moments and their protocol where the path is an .npz with `mu` and `sigma`, else None."""
    file = pathlib.Path(path).expanduser()
    if not file.is_file() or not zipfile.is_zipfile(file):
        return None
    with np.load(file, allow_pickle=False) as arrays:
        holds_moments = {"mu", "sigma"} <= set(arrays.files)
    return moments_from_arrays(read_arrays(file)) if holds_moments else None


def _arrays(file: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    if not file.is_file():
        raise DataError(f"images must be a folder or an .npz file; received {file}, which isn't there. Check the path.")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images = arrays["arr_0"]
            labels = arrays["labels"] if "labels" in arrays.files else None
    except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"an .npz of images must hold arr_0; received {file}, which can't be read so: {error}. "
            "Write it with numpy.savez(FILE, images)."
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise DataError(
            f"arr_0 must be uint8 (N,H,W,3); received {file} with {images.dtype} {images.shape}. "
            "Convert the images to 8 bits a channel, channels last."
        )
    if labels is not None and (labels.shape != images.shape[:1] or labels.min() < 0):
        raise DataError(
            f"labels must be (N,) from 0 on, one an image; received {file} with labels {labels.shape} "
            f"and {len(images)} images. Leave them out or correct them."
        )
    return images, labels


def _examples(file: pathlib.Path, images: np.ndarray, labels: np.ndarray | None) -> Examples:
    classes = np.zeros(len(images), np.int32) if labels is None else labels.astype(np.int32)
    names = ONE_CLASS if labels is None else tuple(str(label) for label in range(int(classes.max()) + 1))
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
