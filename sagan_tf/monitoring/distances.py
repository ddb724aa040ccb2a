"""How far apart samples are: G's collapse seen in its images."""

from dataclasses import dataclass

import numpy as np

from sagan_tf.foundation.pixels import LEVELS

_DUPLICATE = 1 / LEVELS


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Root mean squared differences per channel of pairs of images in [-1,1]; 0 is equal, 2 is black against white.

    overall, within_class: means over all pairs, and over those with one label. nearest: the smallest of all.
    duplicates: the share of pairs that differ by less than one of 255 levels.
    """

    overall: float
    within_class: float
    nearest: float
    duplicates: float


def distances(images: np.ndarray, labels: np.ndarray) -> Distances:
    """Of all pairs of images (N,H,W,3) uint8 with labels (N,); two at least share a label."""
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
