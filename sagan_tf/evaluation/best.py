"""Which of two checkpoints is the better one, by a metric."""

from collections.abc import Collection

# By which a checkpoint can be chosen: the row of METRICS that gives the number, and whether more is better.
CHOICES = {
    "is": ("is", True),
    "fid": ("fid", False),
    "intra_fid": ("intra_fid", False),
    "kid": ("kid", False),
    "precision": ("pr", True),
    "recall": ("pr", True),
    "class_accuracy": ("class_accuracy", True),
    "long_range_agreement": ("long_range_agreement", True),
}

# What may be measured where no metrics are named; which of them are depends on the extractor and the data.
DEFAULTS = ("is", "fid", "kid", "pr", "class_accuracy", "long_range_agreement")


def check_choice(by: str, measured: Collection[str]) -> None:
    """Raises ValueError unless `by` is a choice, and given by one of the metrics that are measured."""
    if by not in CHOICES or CHOICES[by][0] not in measured:
        possible = [name for name, (metric, _) in CHOICES.items() if metric in measured]
        raise ValueError(
            f"train.best_by must be one of what is measured, {', '.join(possible)}; received train.best_by={by!r}. "
            "Choose one, or measure it: EvaluationOptions.metrics."
        )


def is_better(score: float, than: float | None, by: str) -> bool:
    """Whether a score beats another by this metric; any beats None, and none that isn't a number beats anything."""
    if score != score:
        return False
    return than is None or (score > than if CHOICES[by][1] else score < than)
