"""Images and moments in NumPy's files: an .npz of `arr_0` (and `labels`), an .npy, an .npz of `mu` and `sigma`.

Everything is checked as it is read, and errors name the file.
"""

import pathlib

import numpy as np

from sagan_tf.data.source import DataError
from sagan_tf.evaluation.moments import Moments, moments_from_arrays, moments_to_arrays
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.npz import NpzError, names_in_npz, read_npz, write_npz

_MOST_CLASSES = 1_000_000
# Tolerance, relative to its largest entry, for a covariance that rounding has made asymmetric or slightly indefinite.
_ROUNDING = 1e-4


def read_images(file: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads images uint8 (N,H,W,3) and, if the file has them, labels (N,): int32 from 0 on, or names.

    Names come from labels that are strings, or from `class_names` (K,) that the labels index.

    Raises:
      DataError: for a file without such arrays.
    """
    if not file.is_file():
        raise DataError(
            f"images must be a folder, an .npz or an .npy file; received {file}, which does not exist. Check the path."
        )
    try:
        arrays = read_npz(file, only=("arr_0", "labels", "class_names"), or_npy=True)
        images, labels, names = arrays["arr_0"], arrays.get("labels"), arrays.get("class_names")
    except (OSError, NpzError, KeyError) as error:
        raise DataError(
            f"an .npz of images must hold arr_0; received {file}, which cannot be read: "
            f"{' '.join(str(error).split()) or type(error).__name__}. Write it with numpy.savez(FILE, images)."
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise DataError(
            f"arr_0 must be uint8 (N,H,W,3); received {file} with {images.dtype} {images.shape}. "
            "Convert the images to 8 bits per channel, channels last."
        )
    if labels is None:
        return images, None
    labels = _labels(file, labels, len(images))
    return images, labels if names is None or labels.dtype.kind == "U" else _named(file, labels, names)


def read_moments(path: str) -> tuple[Moments, dict] | None:
    """Moments and their protocol, if the path is an .npz with `mu` and `sigma`; else None.

    Raises:
      DataError: if these can't be a mean and a covariance.
    """
    file = with_home(path)
    if not {"mu", "sigma"} <= names_in_npz(file):
        return None
    try:
        moments, protocol = moments_from_arrays(read_npz(file, only=("mu", "sigma", "count", "protocol")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"mu must be a mean (F,) and sigma a covariance (F,F), of numbers; received {file}, which cannot be read:"
            f" {' '.join(str(error).split()) or type(error).__name__}"
        ) from error
    _check_moments(file, moments)
    return moments, protocol


def write_moments(path: pathlib.Path, moments: Moments, *, protocol: dict) -> None:
    """Writes moments and their protocol to an .npz that `read_moments`, and other FID tools, can read."""
    write_npz(path, moments_to_arrays(moments, protocol=protocol), durable=True)


def _labels(file: pathlib.Path, labels: np.ndarray, count: int) -> np.ndarray:
    if labels.shape != (count,):
        raise DataError(
            f"labels must be (N,) from 0 on, one per image; received {file} with labels {labels.shape} "
            f"and {count} images. Leave them out or correct them."
        )
    if labels.dtype.kind in "US":
        return np.char.decode(labels, "utf-8", "replace") if labels.dtype.kind == "S" else labels
    if labels.dtype.kind not in "buif":
        raise DataError(
            f"labels must be integers or names; received {file} with labels of type {labels.dtype}. Convert them."
        )
    wrong = labels[~((labels >= 0) & (labels < _MOST_CLASSES) & (labels == np.floor(labels)))] if count else labels
    if wrong.size:
        raise DataError(
            f"labels must be (N,) from 0 on, whole numbers below {_MOST_CLASSES:,}; received {file} with the label "
            f"{wrong[0]}. Leave them out or correct them."
        )
    return labels.astype(np.int32)


def _named(file: pathlib.Path, labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The name of each label."""
    if names.ndim != 1 or names.dtype.kind != "U" or labels.max() >= len(names):
        raise DataError(
            f"class_names must be (K,) strings, one per label; received {file} with class_names of type {names.dtype} "
            f"{names.shape} and labels up to {labels.max()}. Leave them out or correct them."
        )
    return names[labels]


def _check_moments(file: pathlib.Path, moments: Moments) -> None:
    mean, covariance = moments.mean, moments.covariance
    if not mean.size:
        raise DataError(f"mu and sigma must have at least one feature; received {file}, where they are empty.")
    reason = None
    scale = np.abs(covariance).max()
    if not np.isfinite(mean).all():
        reason = "mu holds numbers that are not finite"
    elif not np.isfinite(scale):
        reason = "sigma holds numbers that are not finite"
    elif np.abs(covariance - covariance.T).max() > _ROUNDING * scale:
        reason = "sigma is not symmetric"
    elif (least := np.diagonal(covariance).min()) < -_ROUNDING * scale:
        reason = f"sigma has a negative variance, {least:.4g}, on its diagonal"
    elif (least := np.linalg.eigvalsh(covariance)[0]) < -_ROUNDING * scale * mean.size:
        reason = f"sigma has a negative eigenvalue, {least:.4g}"
    if reason:
        raise DataError(
            f"mu and sigma must be a mean and a covariance; received {file}, where {reason}. Make the file again from "
            "its images: --write_reference=FILE."
        )
