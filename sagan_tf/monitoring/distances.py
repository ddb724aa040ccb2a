"""Distances between samples, which show a collapse of G in its images."""

from dataclasses import dataclass

import numpy as np

from sagan_tf.foundation.pixels import LEVELS

_DUPLICATE = 1 / LEVELS


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Root mean square differences between pairs of images in [-1,1]: 0 for equal images, 2 for black and white.

    overall, within_class: the means over all pairs, and over the pairs with equal labels.
    nearest: the smallest of all.
    duplicates: the share of pairs that differ by less than one 8-bit level.
    """

    overall: float
    within_class: float
    nearest: float
    duplicates: float


def distances(images: np.ndarray, labels: np.ndarray) -> Distances:
    """The distances between images (N,H,W,3) uint8 with labels (N,), at least two of which are equal."""
    flat = images.reshape(len(images), -1).astype(np.float64) / LEVELS
    first, second = np.triu_indices(len(flat), 1)
    rms = np.array([np.sqrt(np.mean(np.square(flat[i] - flat[j]))) for i, j in zip(first, second, strict=True)])
    labels = np.asarray(labels)
    return Distances(
        overall=float(rms.mean()),
        within_class=float(rms[labels[first] == labels[second]].mean()),
        nearest=float(rms.min()),
        duplicates=float(np.mean(rms < _DUPLICATE)),
    )
