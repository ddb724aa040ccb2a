"""The options of an evaluation, as one gin-configurable object."""

import dataclasses
from typing import get_args

from sagan_tf.evaluation.metrics import METRICS
from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.option_names import Statistics
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.sampling.sampler import Truncation
from sagan_tf.sampling.seeds import check_seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is measured, and how.

    extractor: "auto", "inception", "dataset" or the folder of a SavedModel (see `extractor_choice.choose_extractor`).
    inception_location: the folder of the Inception module, if it isn't in `$TFHUB_CACHE_DIR`.
    metrics: names from METRICS. None, or no name, measures IS, FID (KID for small data sets), FID between two halves of
      the data, and, as far as the extractor and the data allow them, precision and recall, variety within classes,
      class accuracy and long-range agreement.
    n_samples: generated images; 50,000 in the papers.
    batch_size: images per call of the extractor on one replica.
    seed: of the samples, from 0 to 2^31 - 1.
    allow_few_samples: computes FID even of fewer images than features have dimensions.
    statistics: the statistics that the generator's batch norms normalize with: the "moving" averages of training, those
      of each "batch" of samples, or "standing" statistics, accumulated for exactly this truncation (Brock et al. 2018,
      appendix C.1). None: standing for truncated samples, otherwise what the run's networks specify.
    standing_passes: forward passes that standing statistics are accumulated over; 100 in the paper.
    truncation, truncation_mode: see `sampling.sampler.Truncation`; None samples the whole prior.

    Raises:
      ValueError: for a value out of range, an unknown metric, or an unknown mode of truncation.
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
        store_plain_numbers(self)
        for name in ("n_samples", "batch_size", "standing_passes"):
            check_integer(name, getattr(self, name), 1, owner="EvaluationOptions", hint="Give a positive count.")
        if not isinstance(self.allow_few_samples, bool):
            raise ValueError(
                "EvaluationOptions.allow_few_samples must be True or False; received "
                f"allow_few_samples={self.allow_few_samples!r}."
            )
        if self.statistics is not None:
            hint = "Leave it out for the run's own."
            check_choice("EvaluationOptions", "statistics", self.statistics, get_args(Statistics), hint=hint)
        self._check_metrics()
        check_seed(self.seed)
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
    def sampler_truncation(self) -> Truncation | None:
        """The truncation as an argument of the sampler; None for the whole prior."""
        if self.truncation is None:
            return None
        return Truncation(threshold=self.truncation, mode=self.truncation_mode)
