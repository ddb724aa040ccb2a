"""One evaluation: images, real images, an extractor and metrics in; numbers with their whole protocol out."""

import dataclasses

import tensorflow as tf

from sagan_tf.data.source import Examples
from sagan_tf.evaluation.collecting import collect
from sagan_tf.evaluation.extractor_choice import Traits, extractor_traits
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.evaluation.metrics import METRICS, Metric
from sagan_tf.evaluation.metrics.kid import BLOCK_SIZE, n_blocks
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.passes import Passes
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts, describe_protocol
from sagan_tf.evaluation.real_side import KnownMoments, real_side
from sagan_tf.progress import clock

# Precision and recall compare every image with every other, and hold all features: beyond this, only when asked for.
_MOST_COMPARED = 50_000


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
    passes = Passes(extractor, batch_size=options.batch_size, strategy=strategy)
    on_real = real_side(real, passes, _union(metric.real for metric in metrics), progress=progress)
    on_generated = collect(
        generated, passes, _union(metric.generated for metric in metrics), title="generated images", progress=progress
    )
    values: dict[str, float | list[float]] = {}
    with clock("computing the metrics", quiet=not progress):
        for metric in metrics:
            values |= metric.compute(on_generated, on_real)
    protocol = describe_protocol(generated, real, extractor, seed=options.seed, facts=facts or GeneratorFacts())
    return EvaluationResult(metrics=values, protocol=protocol)


def _chosen(
    generated: ImageSet, real: ImageSet | KnownMoments, extractor: Extractor | Traits, options: EvaluationOptions
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
        "variety": images and _classes_agree(generated, real, 1) and fewest >= 2 * len(generated.class_names),
        "class_accuracy": extractor.classifies and _classes_agree(generated, real),
        "long_range_agreement": generated.agreement is not None and real.agreement is not None,
    }
    names = options.metrics or tuple(name for name, is_possible in possible.items() if is_possible)
    for name in names:
        _check(name, METRICS[name], generated, real, extractor, allow_few_samples=options.allow_few_samples)
    return [(name, METRICS[name]) for name in names]


def _classes_agree(generated: ImageSet, real: ImageSet | KnownMoments, fewest: int = 2) -> bool:
    """Whether there are `fewest` classes at least, and labels mean the same ones on both sides.

    They do by name, or, where one side only numbers its classes, by number.
    """
    names = generated.class_names
    numbered = all(name.isdigit() for name in names) and len(names) <= len(real.class_names)
    return len(names) >= fewest and (names == real.class_names or numbered)


def _check(
    name: str,
    metric: Metric,
    generated: ImageSet,
    real: ImageSet | KnownMoments,
    extractor: Extractor | Traits,
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
    if metric.by_class and not _classes_agree(generated, real, metric.fewest_classes):
        raise ValueError(
            f"metric {name} needs labels of the reference's classes; received classes "
            f"{_short(generated.class_names)} against {_short(real.class_names)}. Label the images, or "
            "leave it out."
        )
    if "agreement" in metric.generated and (generated.agreement is None or real.agreement is None):
        raise ValueError(
            f"metric {name} needs a data set that measures agreement; received data={real.name}. "
            "Only the procedural data set does: leave the metric out."
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


def _short(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _union(needs) -> frozenset:
    return frozenset().union(*needs)
