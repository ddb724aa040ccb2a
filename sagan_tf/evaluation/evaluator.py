"""One evaluation: from images, a reference, an extractor and metrics to numbers with their protocol.

`compare` computes all numbers. `check_options` raises the same errors before training.
"""

import dataclasses
from collections.abc import Iterable

import tensorflow as tf

from sagan_tf.data.class_names import listed
from sagan_tf.data.source import DataError, Examples
from sagan_tf.evaluation.activations import Activations, BatchedExtractor, collect
from sagan_tf.evaluation.comparison import Comparison
from sagan_tf.evaluation.extractor_choice import extractor_traits
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments, Part
from sagan_tf.evaluation.metrics import METRICS, Metric, fills_blocks
from sagan_tf.evaluation.metrics.kid import BLOCK_SIZE
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts, describe_protocol
from sagan_tf.evaluation.reference import reference_activations
from sagan_tf.foundation.notes import warn
from sagan_tf.foundation.progress import clock

_MOST_NAMED = 5  # classes that a message lists


def check_options(options: EvaluationOptions, examples: Examples, *, resolution: int) -> tuple[str, ...]:
    """Raises, before training, the errors of the evaluation at its end; returns the metrics that it will measure.

    Raises:
      ValueError: for an extractor that is missing or can't learn this data, for metrics that the extractor or the data
        can't give, and for too few images.
    """
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
    comparison = Comparison(
        generated=dataclasses.replace(real, name="samples", count=options.n_samples),
        real=real,
        extractor=extractor_traits(options.extractor, examples, inception_location=options.inception_location),
        allow_few_samples=options.allow_few_samples,
    )
    return tuple(_chosen(comparison, options.metrics))


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
    """Compares any set of images with another: one pass over each side (the real one cached), then the metrics.

    real: images, or the moments of a file, which are enough for FID alone.
    facts: what is known about the generator, for the protocol.
    strategy: its replicas share the passes and give the same numbers as one device.

    Raises:
      ValueError: for metrics that these sides can't give, before any image is read.
    """
    comparison = Comparison(
        generated=generated, real=real, extractor=extractor, allow_few_samples=options.allow_few_samples
    )
    metrics = _chosen(comparison, options.metrics).values()
    batched = BatchedExtractor(extractor, batch_size=options.batch_size, strategy=strategy)
    on_real = reference_activations(real, batched, _union(metric.real for metric in metrics), progress=progress)
    on_generated = collect(
        generated, batched, _union(metric.generated for metric in metrics), title="generated images", progress=progress
    )
    values: dict[str, float | list[float]] = {}
    with clock("computing the metrics", quiet=not progress):
        for metric in metrics:
            measured = metric.measure(_relabeled(on_generated, metric, comparison), on_real)
            values |= _by_generated_class(measured, metric, comparison)
    protocol = describe_protocol(generated, real, extractor, seed=options.seed, facts=facts or GeneratorFacts())
    return EvaluationResult(metrics=values, protocol=protocol)


def _union(needs: Iterable[frozenset[Part]]) -> frozenset[Part]:
    return frozenset().union(*needs)


def _relabeled(generated: Activations, metric: Metric, comparison: Comparison) -> Activations:
    """The generated side with its classes in the order of those that the metric compares them with."""
    if not metric.by_class:
        return generated
    indices = metric.class_indices(comparison)
    changes = {} if generated.labels is None else {"labels": indices[generated.labels]}
    changes |= {} if generated.spread is None else {"spread": generated.spread.reordered(indices)}
    return dataclasses.replace(generated, **changes)


def _by_generated_class(
    values: dict[str, float | list[float]], metric: Metric, comparison: Comparison
) -> dict[str, float | list[float]]:
    """Values per class in the order of the generated classes, which may not be that of the reference's."""
    if not any(isinstance(value, list) for value in values.values()):
        return values
    indices = metric.class_indices(comparison).tolist()

    def ordered(value: list[float]) -> list[float]:
        return [value[index] if index < len(value) else float("nan") for index in indices]

    return {name: ordered(value) if isinstance(value, list) else value for name, value in values.items()}


def _chosen(comparison: Comparison, names: tuple[str, ...] | None) -> dict[str, Metric]:
    """The requested metrics, or else those that this comparison allows by default; each is checked."""
    chosen = {name: METRICS[name] for name in names} if names else _defaults(comparison)
    for name, metric in chosen.items():
        _check(name, metric, comparison)
    return chosen


def _defaults(comparison: Comparison) -> dict[str, Metric]:
    """The default metrics of a comparison. Those of classes need classes that can be matched."""
    allowed = {name: metric for name, metric in METRICS.items() if metric.by_default(comparison)}
    return {n: metric for n, metric in allowed.items() if not metric.by_class or _classes_match(n, metric, comparison)}


def _classes_match(name: str, metric: Metric, comparison: Comparison) -> bool:
    """Whether the classes that a metric compares can be matched.

    If the classifier can't be applied to images that do have classes, the reason is logged.
    """
    try:
        metric.class_indices(comparison)
    except DataError as error:
        if metric.classifies and comparison.generated.label_kind != "none":
            warn(f"{name} is left out: {error}")
        return False
    return True


def _check(name: str, metric: Metric, comparison: Comparison) -> None:
    """Raises ValueError, with advice, for a metric that can't be computed for the comparison."""
    if metric.by_class and metric.fewest_classes > 1 and comparison.generated.label_kind == "none":
        raise ValueError(
            f"metric {name} compares classes; received {comparison.generated.name} without classes, against "
            f"{comparison.real.name}. Leave it out, or measure fid, kid, pr or variety."
        )
    _check_extractor(name, metric, comparison)
    if metric.by_class:
        _check_classes(name, metric, comparison)
    _check_parts(name, metric, comparison)
    _check_counts(name, metric, comparison)


def _check_extractor(name: str, metric: Metric, comparison: Comparison) -> None:
    extractor = comparison.extractor
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


def _check_classes(name: str, metric: Metric, comparison: Comparison) -> None:
    """Classes must match by name; a metric that compares each class needs images of all classes of the reference."""
    try:
        indices = metric.class_indices(comparison)
    except DataError as error:
        raise ValueError(f"metric {name} needs labels of the reference's classes. {error}") from error
    names = comparison.real.class_names
    if "labels" in metric.real and (absent := set(range(len(names))) - set(indices.tolist())):
        some = ", ".join(names[index] for index in sorted(absent)[:_MOST_NAMED])
        raise ValueError(
            f"metric {name} needs images of each of the reference's {len(names)} classes; received none of "
            f"{some}{', ...' if len(absent) > _MOST_NAMED else ''}. Give images of these, or leave the metric out."
        )


def _check_parts(name: str, metric: Metric, comparison: Comparison) -> None:
    generated, real = comparison.generated, comparison.real
    if "agreement" in metric.generated and not comparison.agreement_is_measured:
        raise ValueError(
            f"metric {name} needs a data set that measures agreement; received data={real.name}. "
            "Only the procedural data set does: leave the metric out."
        )
    if "agreement" in metric.generated and not comparison.same_classes:
        raise ValueError(
            f"metric {name} needs samples of the reference's classes; received {listed(generated.class_names)} against "
            f"{listed(real.class_names)}. Leave the metric out."
        )
    if missing := metric.real - real.parts:
        raise ValueError(
            f"metric {name} needs the reference's {', '.join(sorted(missing))}; received "
            f"reference={real.name}. Give the images themselves, or leave it out."
        )


def _check_counts(name: str, metric: Metric, comparison: Comparison) -> None:
    generated, real, n_features = comparison.generated, comparison.real, comparison.extractor.n_features
    needed = max(metric.fewest, metric.fewest_of_class * len(generated.class_names))
    if generated.count < needed:
        raise ValueError(
            f"metric {name} needs {needed} images or more; received images={generated.count}. "
            "Give that many, or leave it out."
        )
    if real.n_images < (fewest_real := metric.fewest_real(len(real.class_names))):
        raise ValueError(
            f"metric {name} needs a reference of {fewest_real} images or more; received reference={real.name} with "
            f"{real.n_images}. Give that many, or leave it out."
        )
    if metric.in_blocks and not fills_blocks(comparison):
        raise ValueError(
            f"metric {name} needs counts of similar size, 2 images of each side in every block of {BLOCK_SIZE} of the "
            f"larger one; received images={generated.count}, reference={real.n_images}. Give more of the fewer, or "
            "fewer samples: --num (EvaluationOptions.n_samples)."
        )
    if metric.full_rank and not comparison.is_full_rank:
        raise ValueError(
            f"metric {name} needs more images per side than its {n_features} features; received "
            f"images={generated.count}, reference={real.count}. Give at least {n_features + 1} of each, or "
            "measure the kernel distance, which is unbiased for small sets: --metrics=kid. "
            "--allow_few_samples (EvaluationOptions.allow_few_samples=True) computes it nevertheless, but the number "
            "is biased upwards and can be compared only with numbers from the same counts."
        )
