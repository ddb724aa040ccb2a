"""Labels of images to be generated. Flags are parsed with this module, so it imports no TensorFlow."""

from collections.abc import Sequence

import numpy as np


def check_labels(labels: Sequence[int], n_classes: int) -> np.ndarray:
    """Labels as int32 (N,).

    Raises:
      ValueError: if a label is not an integer in [0, n_classes).
    """
    given = np.asarray(labels).reshape(-1)
    if given.size and (given.dtype.kind not in "biuf" or not (given == np.floor(given)).all()):
        raise ValueError(f"labels must be integers in [0, {n_classes}); received labels={given[:4].tolist()}.")
    outside = given[(given < 0) | (given >= n_classes)]  # before the conversion, in which large numbers change
    if outside.size:
        raise ValueError(f"labels must be in [0, {n_classes}); received label={outside[0]}.")
    return given.astype(np.int32)


def one_hot(labels: Sequence[int], n_classes: int) -> np.ndarray:
    """Labels (N,) in [0, n_classes) as float32 (N,n_classes)."""
    return (np.arange(n_classes) == check_labels(labels, n_classes)[:, None]).astype(np.float32)
