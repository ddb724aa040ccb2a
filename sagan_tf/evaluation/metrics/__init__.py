"""The table of metrics.

To add a metric, write a file with a pure function in this folder and add a row to METRICS. Nothing else lists metrics:
the row says what the function reads, which numbers it gives, when it is measured by default, what it requires of the
images, and whether a training run can choose its best checkpoint by it.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from sagan_tf.evaluation import tfgan
from sagan_tf.evaluation.activations import Activations
from sagan_tf.evaluation.comparison import Comparison
from sagan_tf.evaluation.image_sets import Part
from sagan_tf.evaluation.metrics.class_accuracy import class_accuracy
from sagan_tf.evaluation.metrics.fid import frechet_distance
from sagan_tf.evaluation.metrics.inception_score import inception_score
from sagan_tf.evaluation.metrics.intra_fid import intra_fid
from sagan_tf.evaluation.metrics.kid import kernel_distance, n_blocks
from sagan_tf.evaluation.metrics.long_range_agreement import long_range_agreement
from sagan_tf.evaluation.metrics.precision_recall import precision_recall
from sagan_tf.evaluation.metrics.variety import variety

# Precision and recall compare every image with every other one and hold all features in memory. Sets with more images
# are compared only if the metric is requested by name.
_MOST_COMPARED = 50_000


def on_request(comparison: Comparison) -> bool:
    """The default of a metric that is measured only if it is requested by name."""
    return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A row of the table: a function of both sides' activations, and its properties.

    compute: (generated, real) -> values in the order of `numbers`; each is a number or an array (K,) of one per class.
    numbers: names of the values in the results. The presence of the first one shows that a record of results has this
      metric.
    generated, real: the parts of each side that `compute` reads.
    by_default: whether the metric is measured for a comparison when no metrics are named.
    higher_is_better: for the numbers that checkpoints can be ranked by (`train.best_by`), whether more is better.

    by_class: labels must mean the same classes on both sides, of which there must be at least `fewest_classes`.
    classifies: the classes are those of the extractor's logits.
    full_rank: both sides must have more images than the features have dimensions.
    in_blocks: both sides are split into the same number of blocks, each of 2 images or more.
    fewest, fewest_of_class: the images that the generated side must have, in all and per class; `fewest_real` says how
      many the real one needs.
    """

    compute: Callable[[Activations, Activations], Sequence[float | np.ndarray]]
    numbers: tuple[str, ...]
    generated: frozenset[Part]
    real: frozenset[Part] = frozenset()
    by_default: Callable[[Comparison], bool] = on_request
    higher_is_better: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    by_class: bool = False
    fewest_classes: int = 2
    classifies: bool = False
    full_rank: bool = False
    in_blocks: bool = False
    fewest: int = 2
    fewest_of_class: int = 0

    def measure(self, generated: Activations, real: Activations) -> dict[str, float | list[float]]:
        """The metric's numbers by name."""
        values = self.compute(generated, real)
        return {name: np.asarray(value).tolist() for name, value in zip(self.numbers, values, strict=True)}

    def fewest_real(self, n_classes: int) -> int:
        """How many real images the metric needs of a reference with so many classes."""
        if not self.real & {"features", "spread"}:
            return 0  # known moments have no images, and the mean of a score needs a single one
        return max(self.fewest, self.fewest_of_class * n_classes if "labels" in self.real else 0)

    def class_indices(self, comparison: Comparison) -> np.ndarray:
        """The index of each generated class among those that this metric compares it with; see `Comparison`."""
        return comparison.class_indices(by_logits=self.classifies, least=self.fewest_classes)


def fills_blocks(comparison: Comparison) -> bool:
    """Whether both sides have enough images for the blocks of the kernel distance."""
    counts = comparison.generated.count, comparison.real.n_images
    return min(counts) >= 2 * n_blocks(*counts)


def _prefers_kid(comparison: Comparison) -> bool:
    """Small data sets have no FID, but the kernel distance, which is unbiased."""
    return comparison.has_small_reference and "features" in comparison.real.parts and fills_blocks(comparison)


def _intra_fid(generated: Activations, real: Activations) -> tuple[float, np.ndarray]:
    distances = intra_fid(real.features, real.labels, generated.features, generated.labels)
    return np.mean(distances), distances


def _shuffled(features: np.ndarray) -> np.ndarray:
    return features[np.random.default_rng(0).permutation(len(features))]


MOMENTS, FEATURES, LOGITS = frozenset({"moments"}), frozenset({"features"}), frozenset({"logits"})
HALVES, SPREAD = frozenset({"halves"}), frozenset({"spread"})
LABELS, AGREEMENT = frozenset({"labels"}), frozenset({"agreement"})

METRICS: dict[str, Metric] = {
    "is": Metric(
        compute=lambda g, r: (*inception_score(g.logits, splits=10), inception_score(g.logits, splits=1)[0]),
        numbers=("is", "is_std", "is_one_split"),
        generated=LOGITS,
        by_default=lambda c: c.extractor.n_logits > 0,
        higher_is_better={"is": True},
        fewest=10,
    ),
    "fid": Metric(
        compute=lambda g, r: [frechet_distance(g.moments, r.moments)],
        numbers=("fid",),
        generated=MOMENTS,
        real=MOMENTS,
        by_default=lambda c: not _prefers_kid(c),
        higher_is_better={"fid": False},
        full_rank=True,
    ),
    "kid": Metric(
        compute=lambda g, r: kernel_distance(_shuffled(r.features), _shuffled(g.features)),
        numbers=("kid", "kid_std"),
        generated=FEATURES,
        real=FEATURES,
        by_default=_prefers_kid,
        higher_is_better={"kid": False},
        in_blocks=True,
    ),
    "fid_of_data": Metric(
        compute=lambda g, r: [frechet_distance(*r.halves)],
        numbers=("fid_of_data",),
        generated=frozenset(),
        real=HALVES,
        by_default=lambda c: c.real_is_images and c.real.count // 2 > c.extractor.n_features,
        full_rank=True,
    ),
    "pr": Metric(
        compute=lambda g, r: dataclasses.astuple(precision_recall(r.features, g.features)),
        numbers=("precision", "recall", "density", "coverage"),
        generated=FEATURES,
        real=FEATURES,
        by_default=lambda c: c.real_is_images and c.counts[0] >= METRICS["pr"].fewest and c.counts[1] <= _MOST_COMPARED,
        higher_is_better={"precision": True, "recall": True},
        fewest=6,
    ),
    "variety": Metric(
        compute=lambda g, r: dataclasses.astuple(variety(g.spread, r.spread)),
        numbers=("shape_variety", "shape_variety_by_class", "feature_variety", "distinct_shapes"),
        generated=SPREAD,
        real=SPREAD,
        by_default=lambda c: c.real_is_images and c.counts[0] >= 2 * len(c.generated.class_names),
        by_class=True,
        fewest_classes=1,
        fewest_of_class=2,
    ),
    "class_accuracy": Metric(
        compute=lambda g, r: [class_accuracy(g.logits, g.labels)],
        numbers=("class_accuracy",),
        generated=LOGITS | LABELS,
        by_default=lambda c: c.extractor.classifies,
        higher_is_better={"class_accuracy": True},
        by_class=True,
        classifies=True,
    ),
    "long_range_agreement": Metric(
        compute=lambda g, r: (long_range_agreement(g.agreement), long_range_agreement(r.agreement)),
        numbers=("long_range_agreement", "long_range_agreement_real"),
        generated=AGREEMENT,
        real=AGREEMENT,
        by_default=lambda c: c.agreement_is_measured and c.same_classes,
        higher_is_better={"long_range_agreement": True},
    ),
    "intra_fid": Metric(
        compute=_intra_fid,
        numbers=("intra_fid", "intra_fid_by_class"),
        generated=FEATURES | LABELS,
        real=FEATURES | LABELS,
        higher_is_better={"intra_fid": False},
        by_class=True,
        fewest_of_class=2,
    ),
    "tfgan_is": Metric(
        compute=lambda g, r: [tfgan.inception_score(g.logits)],
        numbers=("tfgan_is",),
        generated=LOGITS,
    ),
    "tfgan_fid": Metric(
        compute=lambda g, r: [tfgan.frechet_distance(r.features, g.features)],
        numbers=("tfgan_fid",),
        generated=FEATURES,
        real=FEATURES,
        full_rank=True,
    ),
}

# What can be measured if no metrics are named; the extractor and the data decide which of these are.
DEFAULTS = tuple(name for name, metric in METRICS.items() if metric.by_default is not on_request)


def is_measured(name: str, record: Collection[str]) -> bool:
    """Whether a record of results, by its keys, holds the numbers of a metric."""
    return METRICS[name].numbers[0] in record


def check_best_by(number: str, measured: Collection[str]) -> None:
    """Checks that checkpoints can be ranked by `number`, and that one of the `measured` metrics gives it.

    Raises:
      ValueError: if not.
    """
    possible = [ranked for name, metric in METRICS.items() if name in measured for ranked in metric.higher_is_better]
    if number not in possible:
        raise ValueError(
            f"train.best_by must be one of what is measured, {', '.join(possible)}; received train.best_by={number!r}. "
            "Choose one, or measure it: EvaluationOptions.metrics."
        )


def is_better(score: float, than: float | None, number: str) -> bool:
    """Whether a score of this number beats another one. Every score beats None; NaN beats nothing."""
    if score != score:
        return False
    ranks = {ranked: more for metric in METRICS.values() for ranked, more in metric.higher_is_better.items()}
    return than is None or (score > than if ranks[number] else score < than)
