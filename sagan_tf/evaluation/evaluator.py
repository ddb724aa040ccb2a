"""One evaluation: images, real images, an extractor and metrics in; numbers with their whole protocol out."""

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_names import indices_in, listed
from sagan_tf.data.source import DataError, Examples
from sagan_tf.evaluation.activations import Activations, BatchedExtractor, collect
from sagan_tf.evaluation.extractor_choice import ExtractorTraits, extractor_traits
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments
from sagan_tf.evaluation.metrics import METRICS, Metric
from sagan_tf.evaluation.metrics.kid import BLOCK_SIZE, n_blocks
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts, describe_protocol
from sagan_tf.evaluation.reference import reference_activations
from sagan_tf.foundation.progress import clock

# Precision and recall compare every image with every other, and hold all features: beyond this, only when asked for.
_MOST_COMPARED = 50_000
_NAMED = 5  # classes that a message names


def check_options(options: EvaluationOptions, examples: Examples, *, resolution: int) -> tuple[str, ...]:
    """Refuses, before training, what the evaluation at its end would refuse; returns the metrics that it will measure.

    Raises ValueError for an extractor that isn't here or can't learn this data, metrics that it or the data can't
    give, and too few images.
    """
    extractor = extractor_traits(options.extractor, examples, inception_location=options.inception_location)
    real = ImageSet(
        name=examples.name,
        fingerprint=None,
        count=examples.n_examples,
        resolution=resolution,
        class_names=examples.class_names,
        batches=lambda start: (),
        agreement=examples.agreement,
        label_kind=examples.label_kind,
    )
    generated = dataclasses.replace(real, name="samples", count=options.n_samples)
    return tuple(name for name, _ in _chosen(generated, real, extractor, options))


def compare(
    generated: ImageSet,
    real: ImageSet | KnownMoments,
    *,
    extractor: Extractor,
    options: EvaluationOptions,
    facts: GeneratorFacts | None = None,
    strategy: tf.distribute.Strategy | None = None,
    progress: bool = True,
) -> EvaluationResult:
    """Measures any set of images against another: one pass over each side (the real one cached), then the metrics.

    `real` may be the moments of a file instead, which are enough for FID alone. The strategy's replicas share the
    passes, and give the same numbers as one device.

    Raises ValueError for metrics that these sides can't give, before any image is read.
    """
    metrics = [metric for _, metric in _chosen(generated, real, extractor, options)]
    batched = BatchedExtractor(extractor, batch_size=options.batch_size, strategy=strategy)
    on_real = reference_activations(real, batched, _union(metric.real for metric in metrics), progress=progress)
    on_generated = collect(
        generated, batched, _union(metric.generated for metric in metrics), title="generated images", progress=progress
    )
    values: dict[str, float | list[float]] = {}
    with clock("computing the metrics", quiet=not progress):
        for metric in metrics:
            same_labels = _relabeled(on_generated, metric, generated, real, extractor)
            values |= metric.compute(same_labels, on_real)
    protocol = describe_protocol(generated, real, extractor, seed=options.seed, facts=facts or GeneratorFacts())
    return EvaluationResult(metrics=values, protocol=protocol)


def _chosen(
    generated: ImageSet,
    real: ImageSet | KnownMoments,
    extractor: Extractor | ExtractorTraits,
    options: EvaluationOptions,
) -> list[tuple[str, Metric]]:
    """The metrics asked for, or else those that these sides can give; each checked."""
    images = isinstance(real, ImageSet)
    small = real.count is not None and real.count <= extractor.n_features and not options.allow_few_samples
    has_kid = METRICS["kid"].real <= real.parts and _fill_blocks(generated, real)
    fewest, most = sorted((generated.count, real.count or 0))
    possible = {
        "is": extractor.n_logits > 0,
        "fid": not (small and has_kid),  # small data sets have no FID, but the kernel distance
        "kid": small and has_kid,
        "fid_of_data": images and real.count // 2 > extractor.n_features,
        "pr": images and METRICS["pr"].fewest <= fewest and most <= _MOST_COMPARED,
        "variety": images
        and _classes_agree("variety", generated, real, extractor)
        and fewest >= 2 * len(generated.class_names),
        "class_accuracy": extractor.classifies
        and _classes_agree("class_accuracy", generated, real, extractor, say=not options.metrics),
        "long_range_agreement": generated.agreement is not None
        and real.agreement is not None
        and generated.class_names == real.class_names,
    }
    names = options.metrics or tuple(name for name, is_possible in possible.items() if is_possible)
    for name in names:
        _check(name, METRICS[name], generated, real, extractor, allow_few_samples=options.allow_few_samples)
    return [(name, METRICS[name]) for name in names]


def _classes_agree(
    name: str,
    generated: ImageSet,
    real: ImageSet | KnownMoments,
    extractor: Extractor | ExtractorTraits,
    *,
    say: bool = False,
) -> bool:
    """Whether the classes that a metric compares can be matched; `say` why not, where the images have classes."""
    try:
        _indices(METRICS[name], generated, real, extractor)
    except DataError as error:
        if say and generated.label_kind != "none":
            print(f"{name} is left out: {error}", file=sys.stderr)
        return False
    return True


def _indices(
    metric: Metric, generated: ImageSet, real: ImageSet | KnownMoments, extractor: Extractor | ExtractorTraits
) -> np.ndarray:
    """Of each generated class, its index among the classes that the metric compares it with.

    Raises DataError, with both lists, where classes can't be matched.
    """
    other = extractor if metric.classifies else real
    names, reference = generated.class_names, other.class_names
    if len(names) == len(reference) == metric.fewest_classes == 1:
        return np.zeros(1, np.int32)  # all images on either side
    if len(reference) < metric.fewest_classes:
        raise DataError(f"{other.name} must have {metric.fewest_classes} classes; received {listed(reference)}.")
    return indices_in(
        reference,
        names,
        of=generated.name,
        to=other.name,
        kind=generated.label_kind,
        reference_kind=other.label_kind,
    )


def _relabeled(
    collected: Activations, metric: Metric, generated: ImageSet, real: ImageSet | KnownMoments, extractor: Extractor
) -> Activations:
    """The generated side with its classes in the order of those that the metric compares them with."""
    if not metric.by_class:
        return collected
    indices = _indices(metric, generated, real, extractor)
    changes = {} if collected.labels is None else {"labels": indices[collected.labels]}
    changes |= {} if collected.spread is None else {"spread": collected.spread.reordered(indices)}
    return dataclasses.replace(collected, **changes)


def _check(
    name: str,
    metric: Metric,
    generated: ImageSet,
    real: ImageSet | KnownMoments,
    extractor: Extractor | ExtractorTraits,
    *,
    allow_few_samples: bool,
) -> None:
    if "logits" in metric.generated and not extractor.n_logits:
        raise ValueError(
            f"metric {name} needs an extractor with logits; received extractor={extractor.name}. "
            "Leave it out, or choose another extractor."
        )
    if metric.classifies and not extractor.classifies:
        raise ValueError(
            f"metric {name} needs the data set's own classifier; received extractor={extractor.name}. "
            "Use --extractor=dataset, or leave it out."
        )
    if metric.by_class:
        _check_classes(name, metric, generated, real, extractor)
    if "agreement" in metric.generated and (generated.agreement is None or real.agreement is None):
        raise ValueError(
            f"metric {name} needs a data set that measures agreement; received data={real.name}. "
            "Only the procedural data set does: leave the metric out."
        )
    if "agreement" in metric.generated and generated.class_names != real.class_names:
        raise ValueError(
            f"metric {name} needs samples of the reference's classes; received {listed(generated.class_names)} against "
            f"{listed(real.class_names)}. Leave the metric out."
        )
    if missing := metric.real - real.parts:
        raise ValueError(
            f"metric {name} needs the reference's {', '.join(sorted(missing))}; received "
            f"reference={real.name}. Give the images themselves, or leave it out."
        )
    needed = max(metric.fewest, metric.fewest_of_class * len(generated.class_names))
    if generated.count < needed:
        raise ValueError(
            f"metric {name} needs {needed} images or more; received images={generated.count}. "
            "Give that many, or leave it out."
        )
    if metric.in_blocks and not _fill_blocks(generated, real):
        raise ValueError(
            f"metric {name} needs counts of similar size, 2 images of each side in every block of {BLOCK_SIZE} of the "
            f"larger one; received images={generated.count}, reference={real.n_images}. Give more of the fewer, or "
            "fewer samples: --num (EvaluationOptions.n_samples)."
        )
    if metric.full_rank and _fewest(generated, real) <= extractor.n_features and not allow_few_samples:
        raise ValueError(
            f"metric {name} needs more images a side than its {extractor.n_features} features; received "
            f"images={generated.count}, reference={real.count}. Give at least {extractor.n_features + 1} of each, or "
            "measure the kernel distance, which is unbiased for small sets: --metrics=kid. "
            "--allow_few_samples (EvaluationOptions.allow_few_samples=True) computes it all the same: a number that "
            "is biased upwards, and compares only with others of the same counts."
        )


def _fewest(generated: ImageSet, real: ImageSet | KnownMoments) -> int:
    """Images of the smaller side, as far as is known."""
    return min(generated.count, generated.count if real.count is None else real.count)


def _fill_blocks(generated: ImageSet, real: ImageSet | KnownMoments) -> bool:
    """Whether both sides have enough images for the kernel distance's blocks."""
    counts = generated.count, real.n_images
    return min(counts) >= 2 * n_blocks(*counts)


def _check_classes(
    name: str,
    metric: Metric,
    generated: ImageSet,
    real: ImageSet | KnownMoments,
    extractor: Extractor | ExtractorTraits,
) -> None:
    """Classes must be matched by name; a metric of each class needs images of all the reference's."""
    try:
        indices = _indices(metric, generated, real, extractor)
    except DataError as error:
        raise ValueError(f"metric {name} needs labels of the reference's classes. {error}") from error
    if "labels" in metric.real and (absent := set(range(len(real.class_names))) - set(indices.tolist())):
        some = ", ".join(real.class_names[index] for index in sorted(absent)[:_NAMED])
        raise ValueError(
            f"metric {name} needs images of each of the reference's {len(real.class_names)} classes; received none of "
            f"{some}{', ...' if len(absent) > _NAMED else ''}. Give images of these, or leave the metric out."
        )


def _union(needs) -> frozenset:
    return frozenset().union(*needs)
