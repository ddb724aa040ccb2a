"""Agreement of the distant parts of a structure, measured on images of the procedural data set's classes."""

import numpy as np

from sagan_tf.data.procedural.structures import STRUCTURES
from sagan_tf.data.procedural.textures import TEXTURES

_CELLS = 16  # images are averaged to so many cells per side, so that blur doesn't count as disagreement
_BLANK = 0.02  # mean deviation from the background, of 2 at most, below which an image counts as blank


def _mirrored(images: np.ndarray) -> np.ndarray:
    return images[:, :, ::-1]


def _flipped(images: np.ndarray) -> np.ndarray:
    return images[:, ::-1]


def _turned(images: np.ndarray) -> np.ndarray:
    return images[:, ::-1, ::-1]


SYMMETRIES = {"eyes": _mirrored, "wings": _mirrored, "rings": _flipped, "corners": _turned, "arrows": _mirrored}


def _cells(images: np.ndarray) -> np.ndarray:
    """Averages images (N, R, R, 3) by area to at most 16 cells per side."""
    size = images.shape[1]
    cells = min(_CELLS, size)
    if size % cells:  # the share of each pixel in each cell, whose borders lie within pixels
        shares = np.repeat(np.eye(cells), size, axis=1).reshape(cells, size, cells).mean(axis=2) * cells / size
        return np.einsum("ip,npqc,jq->nijc", shares, images, shares, optimize=True)
    block = size // cells
    return images.reshape(-1, cells, block, cells, block, 3).mean(axis=(2, 4))


def agreement(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Agreement of the two distant parts of each image.

    With S the symmetry of the class (left to right, top to bottom, half turn), b the background of the image (its
    median color), and sums over all cells and channels of the image I averaged to 16 x 16 cells:

      agreement = 1 - sum |I - S I| / (sum |I - b| + sum |S I - b|)

    It is 1 if each part is the image of the other in position, shape and color, and 0 if they share nothing, if one of
    them is missing, or if nothing is drawn.

    Shapes: images (N, R, R, 3) in [-1, 1], labels (N,) -> float64 (N,) in [0, 1], NaN for classes without such parts.

    Raises:
      ValueError: for other shapes.
    """
    images, labels = np.asarray(images, np.float64), np.asarray(labels)
    if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3 or len(images) != len(labels):
        raise ValueError(
            f"Images must be (N, R, R, 3) with a label each; received images of shape {images.shape} "
            f"and labels of shape {labels.shape}."
        )
    scores = np.full(len(images), np.nan)
    for label, name in enumerate([*TEXTURES, *STRUCTURES]):
        rows = np.flatnonzero(labels == label)
        if name in SYMMETRIES and len(rows):
            scores[rows] = _similarity(_cells(images[rows]), SYMMETRIES[name])
    return scores


def _similarity(cells: np.ndarray, symmetry) -> np.ndarray:
    """1 - Bray-Curtis dissimilarity between images and their symmetric counterparts, relative to the background."""
    background = np.median(cells, axis=(1, 2), keepdims=True)
    drawn = np.abs(cells - background).mean(axis=(1, 2, 3))
    apart = np.abs(cells - symmetry(cells)).mean(axis=(1, 2, 3))
    return np.where(drawn < _BLANK, 0.0, 1 - apart / np.maximum(2 * drawn, _BLANK))
