"""Frechet distance of two Gaussians (Heusel et al. 2017, eq. 6), in float64."""

import numpy as np

from sagan_tf.evaluation.moments import Moments
from sagan_tf.evaluation.rows import check_rows


def frechet_distance(a: Moments, b: Moments) -> float:
    """|mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), with covariances divided by n-1.

    On Inception's `pool_3` this is FID. TF-GAN's function, which takes two singular value decompositions, agrees to a
    relative 1e-6 (a test compares them) and takes ten times as long.

    Raises:
      ValueError: for features of different widths.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            "both sets' features must have the same width; received "
            f"widths={a.mean.size}, {b.mean.size}. Use one extractor for both."
        )
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    distance = ((a.mean - b.mean) ** 2).sum() + traces - 2 * trace_sqrt_product(a.covariance, b.covariance)
    return float(np.maximum(distance, 0))  # rounding may turn the 0 of equal sets negative


def trace_sqrt_product(a: np.ndarray, b: np.ndarray) -> float:
    """tr((A B)^(1/2)) of symmetric positive semi-definite A, B (F,F).

    With A = L L^T, the eigenvalues of A B are those of L^T B L, which is symmetric. L is the Cholesky factor of A, or
    of B if A is singular. If both are (fewer samples than dimensions), L is a root of A by its eigenvectors.
    """
    root, other = _root(a, b)
    eigenvalues = np.linalg.eigvalsh(root.T @ other @ root)
    return float(np.sqrt(np.maximum(eigenvalues, 0)).sum())


def frechet_distance_of_features(a: np.ndarray, b: np.ndarray) -> float:
    """The same distance from features (N,F) and (M,F), without the root of an (F,F) matrix if N or M is below F.

    With centered features X = (a - mean) / sqrt(N-1), Y likewise, tr((S_a S_b)^(1/2)) is the sum of the singular
    values of X Y^T (N,M), since S_a S_b = X^T (X Y^T) Y.

    Raises:
      ValueError: for fewer than two rows on either side, or different widths.
    """
    check_rows(a, b)
    mean_a, mean_b = a.mean(axis=0, dtype=np.float64), b.mean(axis=0, dtype=np.float64)
    x, y = _centered(a, mean_a), _centered(b, mean_b)
    traces = (x**2).sum() + (y**2).sum()
    return float(np.maximum(((mean_a - mean_b) ** 2).sum() + traces - 2 * _nuclear_norm_of_product(x, y), 0))


def _root(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for factored, other in ((a, b), (b, a)):
        try:
            return np.linalg.cholesky(factored), other
        except np.linalg.LinAlgError:
            continue
    values, vectors = np.linalg.eigh(a)
    return vectors * np.sqrt(np.maximum(values, 0)), b


def _centered(features: np.ndarray, mean: np.ndarray) -> np.ndarray:
    if len(features) < 2:
        raise ValueError(
            f"a Frechet distance needs at least 2 images per side; received count={len(features)}. Give more images."
        )
    return (features - mean) / np.sqrt(len(features) - 1)


def _nuclear_norm_of_product(x: np.ndarray, y: np.ndarray) -> float:
    small, large = (x, y) if len(x) <= len(y) else (y, x)
    width = x.shape[1]
    if len(large) <= width:
        return float(np.linalg.svd(small @ large.T, compute_uv=False).sum())
    if len(small) <= width:  # the singular values of X Y^T by its Gram matrix
        projected = small @ (large.T @ large) @ small.T
        return float(np.sqrt(np.maximum(np.linalg.eigvalsh(projected), 0)).sum())
    return trace_sqrt_product(small.T @ small, large.T @ large)
