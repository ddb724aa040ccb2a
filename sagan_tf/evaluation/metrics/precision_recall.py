"""Improved precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

The manifold of a set is the union of balls around its features. Each ball's radius is the distance to the k-th nearest
neighbor in the set.
"""

import dataclasses

import numpy as np

from sagan_tf.evaluation.rows import check_rows
from sagan_tf.foundation.integers import check_integer

CHUNK = 256
# Relative differences of squared distances that are only rounding. Without them, the order in which a processor sums
# would decide whether a repeated image, or one on a border, is inside.
_EQUAL, _BORDER = 1e-12, 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrecisionRecall:
    """Shares in [0,1], except for density, which is about 1 for equal distributions and may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: np.ndarray, generated: np.ndarray, *, k: int = 3, k_density: int = 5) -> PrecisionRecall:
    """Precision and recall with k (3 in the paper), density and coverage with k_density (5 in the paper).

    precision: the share of generated features inside a ball of a real one (eq. 1 and 2 of Kynkaanniemi et al.).
    recall: the same with the sides exchanged.
    density: the mean number of real balls around a generated feature, over k_density (eq. 3 of Naeem et al.).
    coverage: the share of real balls with a generated feature inside (eq. 4).
    A point on a ball's border is inside, up to rounding, as in the released code of Kynkaanniemi et al.; in that of
    Naeem et al. it is outside. StudioGAN uses k = 5 for all.

    Shapes: real (N,F), generated (M,F). Squared distances are computed in float64, 256 rows at a time.

    Raises:
      ValueError: if a side has too few images for a k-th neighbor, for k that is not an integer of at least 1, or for
        features of different widths.
    """
    check_rows(real, generated)
    for name, value in (("k", k), ("k_density", k_density)):
        check_integer(name, value, 1, hint="The papers' are 3, 5.")
    largest = max(k, k_density)
    if min(len(real), len(generated)) <= largest:
        raise ValueError(
            f"precision and recall need more than {largest} images per side; received "
            f"counts={len(real)}, {len(generated)}. Give more images."
        )
    # Moving both sides to the origin leaves the distances as they are and loses fewer digits to cancellation.
    center = real.mean(axis=0, dtype=np.float64)
    real, generated = real - center, generated - center
    real_radii, real_density_radii = _radii(real, k, k_density)
    (generated_radii,) = _radii(generated, k)
    in_real = np.zeros(len(generated), bool)
    balls = np.zeros(len(generated), np.int64)
    in_generated, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for start in range(0, len(generated), CHUNK):
        rows = slice(start, start + CHUNK)
        squared = _squared_distances(generated[rows], real)
        in_real[rows] = (squared <= real_radii).any(axis=1)
        balls[rows] = (squared <= real_density_radii).sum(axis=1)
        covered |= (squared <= real_density_radii).any(axis=0)
        in_generated |= (squared <= generated_radii[rows, None]).any(axis=0)
    return PrecisionRecall(
        precision=float(in_real.mean()),
        recall=float(in_generated.mean()),
        density=float(balls.mean() / k_density),
        coverage=float(covered.mean()),
    )


def _radii(features: np.ndarray, *ks: int) -> np.ndarray:
    """For each k, the squared distance of each feature to the k-th nearest other, borders included: (len(ks), N)."""
    radii = np.empty((len(ks), len(features)))
    for start in range(0, len(features), CHUNK):
        squared = _squared_distances(features[start : start + CHUNK], features)
        rows = np.arange(len(squared))
        squared[rows, start + rows] = 0
        radii[:, start + rows] = np.partition(squared, ks, axis=1)[:, ks].T  # the 0-th neighbor is the feature itself
    return radii * (1 + _BORDER)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    distances = squares - 2 * (a @ b.T)
    distances[distances < _EQUAL * squares] = 0
    return distances  # (N,M)
