"""The share of images that the data set's classifier assigns to the class that they were generated for."""

import numpy as np

from sagan_tf.evaluation.rows import check_labels, check_rows


def class_accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The share, in [0,1], of rows whose largest logit is that of the label.

    Shapes: logits (N,K), labels (N,) in [0,K).

    Raises:
      ValueError: without images, for a label without a logit, or for labels that are not one per row.
    """
    check_rows(logits, what="logits")
    check_labels(labels, len(logits))
    if not len(labels):
        raise ValueError("class accuracy needs at least 1 image; received none. Give images.")
    if labels.max() >= logits.shape[1]:
        raise ValueError(
            f"labels must be below the {logits.shape[1]} classes of the classifier; received "
            f"labels from {labels.min()} to {labels.max()}. Use the data set's own classifier."
        )
    return float((logits.argmax(axis=1) == labels).mean())
