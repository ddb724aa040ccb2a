"""Checks of the arrays that metrics read: a row for each image, of one width on both sides, with one label per row.

NumPy broadcasts a column of labels against a row of them, and one feature against many, to a number without a meaning.
"""

import numpy as np


def check_rows(*sides: np.ndarray, what: str = "features") -> None:
    """Checks arrays of one row per image, one array for each side of a comparison: (N,F), (M,F).

    Raises:
      ValueError: for another number of axes, different widths, or values that are not finite.
    """
    shapes = [np.shape(side) for side in sides]
    if any(len(shape) != 2 or shape[1] < 1 for shape in shapes) or len({shape[1] for shape in shapes}) > 1:
        raise ValueError(
            f"{what} must have a row for each image, of one width on all sides; received shapes "
            f"{', '.join(map(str, shapes))}. Use one extractor for all images."
        )
    check_finite(*sides, what=what)


def check_finite(*sides: np.ndarray, what: str) -> None:
    """Checks that all values are finite. A NaN compares as outside of every ball, and has no root or eigenvalue.

    Raises:
      ValueError: if one is not.
    """
    for side in sides:
        if not (finite := np.isfinite(side)).all():
            raise ValueError(
                f"{what} must be finite; received NaN or infinity in {(~finite).sum():,} of {finite.size:,} values. "
                "Check the images, and the extractor's range (float16 ends at 65,504)."
            )


def check_labels(labels: np.ndarray, count: int) -> None:
    """Checks that there is one label (N,), an integer from 0 on, for each of `count` rows.

    Raises:
      ValueError: for another shape or type, or a negative label.
    """
    if np.shape(labels) != (count,) or labels.dtype.kind not in "iu" or (count and labels.min() < 0):
        raise ValueError(
            f"labels must be integers from 0 on, one for each of the {count} images; received shape "
            f"{np.shape(labels)} of type {np.asarray(labels).dtype}{f', least {labels.min()}' if labels.size else ''}. "
            "Correct them."
        )
