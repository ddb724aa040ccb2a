"""Kernel distance, the squared maximum mean discrepancy of a cubic kernel (Binkowski et al. 2018, section 4)."""

import numpy as np

from sagan_tf.evaluation.rows import check_rows

BLOCK_SIZE = 1024


def n_blocks(n_a: int, n_b: int, block_size: int = BLOCK_SIZE) -> int:
    """The number of blocks that two sets of `n_a` and `n_b` features are split into."""
    return -(-max(n_a, n_b) // block_size)


def kernel_distance(a: np.ndarray, b: np.ndarray, *, block_size: int = BLOCK_SIZE) -> tuple[float, float]:
    """The unbiased estimate, averaged over blocks, and its standard error (NaN for one block), in float64.

    With k(x,y) = (x.y / F + 1)^3, a block's estimate is the mean of k over distinct pairs of a, plus that of b, minus
    twice the mean over pairs of one of each (Gretton et al. 2012, eq. 4). On Inception's `pool_3` this is KID. Being
    unbiased, it may be negative. Blocks are formed as in TF-GAN's `kernel_classifier_distance_and_std_from_activations`
    (a test compares both values); Binkowski et al. draw random subsets instead.

    Shapes: features a (N,F), b (M,F), each in random order.

    Raises:
      ValueError: if a block has fewer than 2 images of a side, or for features of different widths.
    """
    check_rows(a, b)
    if block_size < 2:
        raise ValueError(f"block_size must be at least 2 images; received block_size={block_size}. TF-GAN's is 1024.")
    blocks = n_blocks(len(a), len(b), block_size)
    if min(len(a), len(b)) < 2 * blocks:
        raise ValueError(
            f"a kernel distance needs 2 images of each side in each of its {blocks} blocks; received "
            f"counts={len(a)}, {len(b)}. Give counts of similar size."
        )
    estimates = [
        _estimate(x.astype(np.float64), y.astype(np.float64))
        for x, y in zip(_blocks(a, blocks), _blocks(b, blocks), strict=True)
    ]
    error = np.std(estimates, ddof=1) / np.sqrt(blocks) if blocks > 1 else np.nan
    return float(np.mean(estimates)), float(error)


def _blocks(features: np.ndarray, count: int) -> list[np.ndarray]:
    size, larger = divmod(len(features), count)
    ends = np.cumsum([size] * (count - larger) + [size + 1] * larger)
    return np.split(features, ends[:-1])


def _estimate(x: np.ndarray, y: np.ndarray) -> float:
    return _mean_of_distinct(_kernel(x, x)) + _mean_of_distinct(_kernel(y, y)) - 2 * _kernel(x, y).mean()


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3  # (N,M)


def _mean_of_distinct(kernel: np.ndarray) -> float:
    n = len(kernel)
    return (kernel.sum() - np.trace(kernel)) / (n * (n - 1))
