"""Agreement of far-apart parts of an image: what attention is for, by a data set's own measure."""

import numpy as np


def long_range_agreement(scores: np.ndarray) -> float:
    """The mean, in [0,1], of the scores (N,) of images whose class has far-apart parts that must agree.

    The other classes' scores are NaN and don't count. Raises ValueError where none counts.
    """
    counted = scores[~np.isnan(scores)]
    if not len(counted):
        raise ValueError(
            "agreement must be defined for an image at least; received "
            f"scores={len(scores)}, all NaN. Evaluate classes that have far-apart parts too."
        )
    return float(counted.mean())
