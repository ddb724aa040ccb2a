"""Share of images that the data set's classifier assigns to the class they were made for."""

import numpy as np


def class_accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share, in [0,1], of rows whose largest logit is the label's.

    Shapes: logits (N,K), labels (N,) in [0,K). Raises ValueError for a label without a logit.
    """
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"labels must be below the {logits.shape[1]} classes of the classifier; received "
            f"labels from {labels.min()} to {labels.max()}. Use the data set's own classifier."
        )
    return float((logits.argmax(axis=1) == labels).mean())
