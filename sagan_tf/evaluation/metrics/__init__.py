"""The table of metrics. To add one: a file with a pure function here, and a row."""

import dataclasses
from collections.abc import Callable, Collection

import numpy as np

from sagan_tf.evaluation import tfgan
from sagan_tf.evaluation.activations import Activations
from sagan_tf.evaluation.image_sets import Part
from sagan_tf.evaluation.metrics.class_accuracy import class_accuracy
from sagan_tf.evaluation.metrics.fid import frechet_distance
from sagan_tf.evaluation.metrics.inception_score import inception_score
from sagan_tf.evaluation.metrics.intra_fid import intra_fid
from sagan_tf.evaluation.metrics.kid import kernel_distance
from sagan_tf.evaluation.metrics.long_range_agreement import long_range_agreement
from sagan_tf.evaluation.metrics.precision_recall import precision_recall
from sagan_tf.evaluation.metrics.variety import variety


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric's computation on (generated, real), and the parts of each side that it reads.

    `by_class`: labels must mean the same classes on both sides, of which there are `fewest_classes` at least.
    `classifies`: the logits must be of these classes. `full_rank`: both sides need more images than the features have
    dimensions. `in_blocks`: both sides are cut into as many blocks, each of 2 images or more. `fewest`: images of the
    generated side without which it isn't defined, in all and of each class.
    """

    compute: Callable[[Activations, Activations], dict[str, float | list[float]]]
    generated: frozenset[Part]
    real: frozenset[Part] = frozenset()
    by_class: bool = False
    fewest_classes: int = 2
    classifies: bool = False
    full_rank: bool = False
    in_blocks: bool = False
    fewest: int = 2
    fewest_of_class: int = 0


def _inception_score(generated: Activations, real: Activations) -> dict[str, float]:
    mean, deviation = inception_score(generated.logits, splits=10)
    return {"is": mean, "is_std": deviation, "is_one_split": inception_score(generated.logits, splits=1)[0]}


def _fid(generated: Activations, real: Activations) -> dict[str, float]:
    return {"fid": frechet_distance(generated.moments, real.moments)}


def _fid_of_data(generated: Activations, real: Activations) -> dict[str, float]:
    return {"fid_of_data": frechet_distance(*real.halves)}


def _variety(generated: Activations, real: Activations) -> dict[str, float | list[float]]:
    found = variety(generated.spread, real.spread)
    return {
        "shape_variety": found.shape,
        "shape_variety_by_class": found.shape_by_class.tolist(),
        "feature_variety": found.feature,
        "distinct_shapes": found.distinct,
    }


def _intra_fid(generated: Activations, real: Activations) -> dict[str, float | list[float]]:
    distances = intra_fid(real.features, real.labels, generated.features, generated.labels)
    return {"intra_fid": float(np.mean(distances)), "intra_fid_by_class": distances.tolist()}


def _class_accuracy(generated: Activations, real: Activations) -> dict[str, float]:
    return {"class_accuracy": class_accuracy(generated.logits, generated.labels)}


def _long_range_agreement(generated: Activations, real: Activations) -> dict[str, float]:
    return {
        "long_range_agreement": long_range_agreement(generated.agreement),
        "long_range_agreement_real": long_range_agreement(real.agreement),
    }


def _kid(generated: Activations, real: Activations) -> dict[str, float]:
    mean, error = kernel_distance(_shuffled(real.features), _shuffled(generated.features))
    return {"kid": mean, "kid_std": error}


def _precision_recall(generated: Activations, real: Activations) -> dict[str, float]:
    return dataclasses.asdict(precision_recall(real.features, generated.features))


def _shuffled(features: np.ndarray) -> np.ndarray:
    return features[np.random.default_rng(0).permutation(len(features))]


def _tfgan_inception_score(generated: Activations, real: Activations) -> dict[str, float]:
    return {"tfgan_is": tfgan.inception_score(generated.logits)}


def _tfgan_fid(generated: Activations, real: Activations) -> dict[str, float]:
    return {"tfgan_fid": tfgan.frechet_distance(real.features, generated.features)}


MOMENTS, FEATURES, LOGITS = frozenset({"moments"}), frozenset({"features"}), frozenset({"logits"})
HALVES, SPREAD = frozenset({"halves"}), frozenset({"spread"})
LABELS, AGREEMENT = frozenset({"labels"}), frozenset({"agreement"})

METRICS: dict[str, Metric] = {
    "is": Metric(compute=_inception_score, generated=LOGITS, fewest=10),
    "fid": Metric(compute=_fid, generated=MOMENTS, real=MOMENTS, full_rank=True),
    "fid_of_data": Metric(compute=_fid_of_data, generated=frozenset(), real=HALVES, full_rank=True),
    "variety": Metric(
        compute=_variety, generated=SPREAD, real=SPREAD, by_class=True, fewest_classes=1, fewest_of_class=2
    ),
    "intra_fid": Metric(
        compute=_intra_fid, generated=FEATURES | LABELS, real=FEATURES | LABELS, by_class=True, fewest_of_class=2
    ),
    "class_accuracy": Metric(compute=_class_accuracy, generated=LOGITS | LABELS, by_class=True, classifies=True),
    "long_range_agreement": Metric(compute=_long_range_agreement, generated=AGREEMENT, real=AGREEMENT),
    "kid": Metric(compute=_kid, generated=FEATURES, real=FEATURES, in_blocks=True),
    "pr": Metric(compute=_precision_recall, generated=FEATURES, real=FEATURES, fewest=6),
    "tfgan_is": Metric(compute=_tfgan_inception_score, generated=LOGITS),
    "tfgan_fid": Metric(compute=_tfgan_fid, generated=FEATURES, real=FEATURES, full_rank=True),
}


def is_measured(name: str, record: Collection[str]) -> bool:
    """Whether a record of results, by its keys, holds the numbers of a metric."""
    return ("precision" if name == "pr" else name) in record
