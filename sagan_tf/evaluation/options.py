"""What is measured, and how: the options of an evaluation."""

import dataclasses
from typing import get_args

from sagan_tf.evaluation.metrics import METRICS
from sagan_tf.foundation.choices import check_choice
from sagan_tf.sampling.sampler import Truncation
from sagan_tf.sampling.standing_statistics import Statistics


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is measured, and how.

    `extractor`: "auto", "inception", "dataset" or a SavedModel's folder (extractor_choice.py says what each is).
    `inception_location`: where Inception lies, if not in `$TFHUB_CACHE_DIR`. `metrics`: names from METRICS; None
    takes IS, FID and FID of one half of the data against the other, variety within classes, and where the extractor
    and the data set allow them precision and recall, class accuracy, and long-range agreement.
    `n_samples`: generated images, 50,000 in the papers. `batch_size`: images a pass through the extractor on one
    replica. `seed`: of the samples. `allow_few_samples`: lets FID be computed of fewer images than features have
    dimensions.

    `statistics`: what the generator's batch norms divide by: "moving" averages of training, the "batch" of samples
    itself, or "standing" statistics gathered at this very truncation (Brock et al. 2018, C.1) in `standing_passes`
    forward passes, 100 in the paper; None takes standing ones for truncated samples, else what the run's networks say.
    `truncation`, `truncation_mode`: see sampling.sampler.Truncation; None samples the whole prior.
    """

    extractor: str = "auto"
    inception_location: str | None = None
    metrics: tuple[str, ...] | None = None
    n_samples: int = 50_000
    batch_size: int = 64
    seed: int = 0
    allow_few_samples: bool = False
    statistics: Statistics | None = None
    standing_passes: int = 100
    truncation: float | None = None
    truncation_mode: str = "resampled"

    def __post_init__(self):
        for name in ("n_samples", "batch_size", "standing_passes"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"EvaluationOptions.{name} must be an integer of at least 1; "
                    f"received {name}={value!r}. Give a positive count."
                )
        if self.statistics is not None:
            hint = "Leave it out for the run's own."
            check_choice("EvaluationOptions", "statistics", self.statistics, get_args(Statistics), hint=hint)
        self._check_metrics()
        Truncation(threshold=1.0 if self.truncation is None else self.truncation, mode=self.truncation_mode)

    def _check_metrics(self) -> None:
        if isinstance(self.metrics, str):
            raise ValueError(
                f"EvaluationOptions.metrics must be a tuple of names; received metrics={self.metrics!r}. "
                f"Write ({self.metrics!r},)."
            )
        for name in self.metrics or ():
            check_choice("EvaluationOptions", "metrics", name, METRICS)

    @property
    def cut(self) -> Truncation | None:
        """The truncation as the sampler takes it."""
        if self.truncation is None:
            return None
        return Truncation(threshold=self.truncation, mode=self.truncation_mode)
