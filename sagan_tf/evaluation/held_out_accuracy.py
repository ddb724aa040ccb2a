"""What the held-out accuracy of the data set's classifier says about numbers that are measured by its features."""

import numpy as np

from sagan_tf.foundation.notes import warn


def chance_of(labels: np.ndarray) -> float:
    """The accuracy of always guessing the most frequent label (N,)."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def least_accuracy(chance: float) -> float:
    """The accuracy below which a classifier is little better than guessing: min(2 c, (1 + c) / 2) for the chance c.

    With many classes this is twice chance. With two, twice chance can't be exceeded; up to three equally frequent
    classes, it is therefore half of the way from chance to certainty. For 2, 3, 4, 10 and 100 classes: 0.75, 0.67, 0.5,
    0.2 and 0.02. The choice is ours.
    """
    return min(2 * chance, (1 + chance) / 2)


def accuracy_note(accuracy: float, chance: float, *, classifies: bool) -> str:
    """The note that is stored with every number: the accuracy, and whether it is too low for the numbers to mean much.

    classifies: whether classes are recognized, and not rotations.
    """
    text = f"held-out accuracy {accuracy:.4f}{'' if classifies else ' in recognizing rotations'}"
    if accuracy >= least_accuracy(chance):
        return text
    return f"{text}, little better than guessing ({chance:.4f}): {_numbers(classifies)} by it mean little"


def warn_of_low_accuracy(name: str, accuracy: float, chance: float, *, classifies: bool) -> None:
    """Logs a warning, with advice, if the numbers of this extractor mean little."""
    if accuracy >= least_accuracy(chance):
        return
    task, check = ("class", "check that the labels fit the images, ") if classifies else ("rotation", "")
    warn(
        f"The extractor {name} recognizes the {task} of {accuracy:.1%} of the images that were held out, little better "
        f"than guessing ({chance:.1%}): {_numbers(classifies)} by it mean little. To get numbers that do, {check}add "
        "images, or name another extractor: --extractor=inception, or --extractor=FOLDER with a SavedModel (in gin: "
        "EvaluationOptions.extractor)."
    )


def _numbers(classifies: bool) -> str:
    return "FID, class accuracy and recall" if classifies else "FID and recall"
