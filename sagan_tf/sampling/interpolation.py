"""Paths between images: from z to z, from class to class, or both at once."""

from typing import Literal

import numpy as np

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.integers import check_integer
from sagan_tf.sampling.labels import one_hot

Path = Literal["linear", "spherical"]


def linear(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(1 - t) a + t b. Shapes: a, b (D,), t (N,) in [0,1] -> (N,D). A normal z halfway is shorter than the ends."""
    return (1.0 - t)[:, None] * a + t[:, None] * b


def spherical(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """sin((1-t) w)/sin w a + sin(t w)/sin w b, w the angle between a and b (White 2016, "Sampling Generative
    Networks").

    Keeps the typical length of a normal z. Shapes as in `linear`, which is used for parallel or opposite ends.
    """
    cosine = np.dot(a, b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < 1e-4:
        return linear(a, b, t)
    return (np.sin((1.0 - t) * angle)[:, None] * a + np.sin(t * angle)[:, None] * b) / np.sin(angle)


PATHS = {"linear": linear, "spherical": spherical}


def between(a: np.ndarray, b: np.ndarray, steps: int, path: Path = "spherical") -> np.ndarray:
    """`steps` points from a to b, both ends included: (steps,D) float32.

    Raises:
      ValueError: for an unknown path, fewer than two steps, or ends that are not two vectors of one length.
    """
    check_choice("", "path", path, PATHS)
    check_integer("steps", steps, 2, what="the two ends")
    ends = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if ends[0].ndim != 1 or ends[0].shape != ends[1].shape:
        raise ValueError(f"ends must be two vectors (D,); received shapes {ends[0].shape}, {ends[1].shape}.")
    return PATHS[path](*ends, np.linspace(0, 1, steps)).astype(np.float32)


def class_shares(a: int, b: int, steps: int, n_classes: int) -> np.ndarray:
    """Labels from class a to class b as mixtures of classes (steps,n_classes) float32, for a generator's y.

    A conditional generator then mixes the two rows of its class tables: gains and biases (SAGAN), or the shared
    embedding (BigGAN, Figure 9).

    Raises:
      ValueError: for a label that is not in [0, n_classes), or fewer than two steps.
    """
    return between(*one_hot([a, b], n_classes), steps, "linear")
