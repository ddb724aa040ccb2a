"""Agreement of distant parts of an image, which attention should improve, by the data set's own measure."""

import numpy as np


def long_range_agreement(scores: np.ndarray) -> float:
    """The mean, in [0,1], of the scores (N,) of images whose class has distant parts that must agree.

    Scores of the other classes are NaN, and are left out.

    Raises:
      ValueError: if all of them are NaN.
    """
    counted = scores[~np.isnan(scores)]
    if not len(counted):
        raise ValueError(
            f"agreement must be defined for at least one image; received scores={len(scores)}, all NaN. Evaluate "
            "classes that have distant parts too."
        )
    return float(counted.mean())
