"""Variety within classes, relative to the data's: how far apart samples of a class are, and how many are distinct.

Inception Score, class accuracy and, with few samples per class, FID stay good when all samples of a class show one
shape in different colors. These numbers don't: they look at one class at a time, and shapes are independent of color.
"""

import dataclasses

import numpy as np

from sagan_tf.evaluation.spread import KEPT, Spread

_SAME = 0.5  # shapes count as equal below this share of the median distance of a real shape to its nearest neighbor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variety:
    """Ratios to the variety of the data: 1 for the data itself, 0 if all samples of a class are one image.

    shape: the mean of shape_by_class.
    shape_by_class: (K,), per class (1 - mean correlation of two gray samples) over the same of two real images; NaN if
      a side has fewer than two images of the class, or all real ones have one shape.
    feature: the mean over classes of the mean squared distance of two samples' features, over that of real images.
    distinct: the number of distinct shapes among a class's samples, over that of real images; about k/n if n samples
      repeat k images. A mean distance hardly notices that: for two images, each repeated, it is still 0.5.
    """

    shape: float
    shape_by_class: np.ndarray
    feature: float
    distinct: float


def variety(generated: Spread, real: Spread) -> Variety:
    """Compares two sets whose labels mean the same classes.

    Raises:
      ValueError: if no class has two images on both sides.
    """
    n_classes = min(len(generated.kept), len(real.kept))
    both = np.minimum(generated.shape.counts[:n_classes], real.shape.counts[:n_classes])
    if not (both >= 2).any():
        raise ValueError(
            "variety needs 2 images of a class on both sides; received at most "
            f"{both.max(initial=0)}. Give more images."
        )
    shape, feature = (
        _ratio(getattr(generated, of).mean_squared_distances(), getattr(real, of).mean_squared_distances(), n_classes)
        for of in ("shape", "feature")
    )
    distinct = [_distinct(generated.kept[k, :n], real.kept[k, :n]) for k, n in enumerate(np.minimum(both, KEPT))]
    return Variety(
        shape=_mean_of_known(shape),
        shape_by_class=shape,
        feature=_mean_of_known(feature),
        distinct=_mean_of_known(np.array(distinct)),
    )


def _ratio(generated: np.ndarray, real: np.ndarray, n_classes: int) -> np.ndarray:
    real = real[:n_classes]
    return np.divide(generated[:n_classes], real, out=np.full(n_classes, np.nan), where=real > 0)


def _distinct(generated: np.ndarray, real: np.ndarray) -> float:
    """(d - 1) / (d' - 1), where d and d' are the effective numbers of distinct shapes of (n,P) samples and real images.

    d is n^2 over the number of ordered pairs of equal shapes, pairs of an image with itself included. It is the
    diversity of order 2 of Leinster & Cobbold 2012, which the birthday paradox test of Arora & Zhang 2017 estimates
    from duplicates in a batch. Shapes are equal if they are closer than half the median distance of a real shape to its
    nearest neighbor.
    """
    if len(real) < 2:
        return np.nan
    real_distances = _distances(real)
    nearest = (real_distances + np.diag(np.full(len(real), np.inf))).min(axis=1)
    same = _SAME * np.median(nearest)
    n_samples, n_real = (1 / (distances <= same).mean() for distances in (_distances(generated), real_distances))
    return (n_samples - 1) / (n_real - 1) if n_real > 1 else np.nan


def _distances(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    squares = (rows**2).sum(axis=1)
    squared = squares[:, None] + squares - 2 * rows @ rows.T
    squared[squared < 1e-6] = 0  # equal shapes, up to rounding
    return np.sqrt(squared)


def _mean_of_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
