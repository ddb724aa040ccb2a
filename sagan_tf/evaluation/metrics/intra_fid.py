"""Intra-FID: the Frechet distance within each class (Miyato and Koyama 2018, section 4.1)."""

import numpy as np

from sagan_tf.evaluation.metrics.fid import frechet_distance_of_features
from sagan_tf.evaluation.rows import check_labels, check_rows


def intra_fid(
    real: np.ndarray, real_labels: np.ndarray, generated: np.ndarray, generated_labels: np.ndarray
) -> np.ndarray:
    """The Frechet distance of real and generated features for each class 0..K-1: (K,). The score is their mean.

    Miyato and Koyama compare 5,000 samples per class with all training images of the class. The SAGAN paper's protocol
    has 50,000 samples in all, 50 per class, far fewer than the 2,048 dimensions, which biases the distance upwards:
    compare only values of equal counts. For such classes no (F,F) root is taken, so that 1,000 classes take minutes.

    Shapes: real (N,F), real_labels (N,), generated (M,F), generated_labels (M,).

    Raises:
      ValueError: if a class, which the message names, has fewer than 2 images of a side, for features of different
        widths, or for labels that are not one per row.
    """
    check_rows(real, generated)
    check_labels(real_labels, len(real))
    check_labels(generated_labels, len(generated))
    if not len(real) or not len(generated):
        raise ValueError(f"intra-FID needs images; received counts={len(real)}, {len(generated)}. Give more images.")
    n_classes = int(max(real_labels.max(), generated_labels.max())) + 1
    real_rows, generated_rows = _rows_by_class(real_labels, n_classes), _rows_by_class(generated_labels, n_classes)
    for name, rows in (("real", real_rows), ("generated", generated_rows)):
        if few := [label for label in range(n_classes) if len(rows[label]) < 2]:
            raise ValueError(
                f"intra-FID needs 2 {name} images of each class; received {len(few)} classes with fewer, "
                f"the first of which is class={few[0]}. Give more images, or leave it out."
            )
    return np.array(
        [
            frechet_distance_of_features(real[real_rows[label]], generated[generated_rows[label]])
            for label in range(n_classes)
        ]
    )


def _rows_by_class(labels: np.ndarray, n_classes: int) -> list[np.ndarray]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=n_classes))[:-1])
