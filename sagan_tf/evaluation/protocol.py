"""The protocol of a number: everything that is needed to judge or repeat it, stored with the number."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments
from sagan_tf.foundation import jsonl
from sagan_tf.foundation.versions import versions

_MAY_DIFFER = ("step", "weights_hash", "images", "reference", "extractor_note", "versions")  # of comparable scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorFacts:
    """What is known about the generator that made the images; None for what isn't known or doesn't apply.

    weights: "raw" or "ema". weights_hash: over the files of the weights.
    statistics: of the batch norms: "moving", "batch" or "standing", the latter over `standing_passes` forward passes.
    truncation, truncation_mode: threshold and mode of the truncation of the latents.
    """

    step: int | None = None
    weights: str | None = None
    weights_hash: str | None = None
    statistics: str | None = None
    standing_passes: int | None = None
    truncation: float | None = None
    truncation_mode: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """Metrics by name, and the protocol by which they were measured. A list has a value per class of the images."""

    metrics: dict[str, float | list[float]]
    protocol: dict

    def record(self) -> dict:
        """The result for JSON: a key per metric, and `protocol`. Numbers that aren't finite become None."""
        return {name: _null_for_nan(value) for name, value in self.metrics.items()} | {"protocol": self.protocol}

    @classmethod
    def from_record(cls, record: Mapping) -> "EvaluationResult":
        """The inverse of `record`: None becomes NaN."""
        metrics = {name: _nan_for_null(value) for name, value in record.items() if name != "protocol"}
        return cls(metrics=metrics, protocol=record["protocol"])

    def append_to(self, path: pathlib.Path) -> None:
        """Appends the record as one line of JSON, which is on disk when this returns."""
        jsonl.append(path, self.record(), durable=True)

    def write_events(self, folder: pathlib.Path) -> None:
        """Writes the numbers as TensorBoard scalars `metrics/NAME` at their step.

        Those of truncated samples have separate tags, so that a curve over training has a single truncation.
        """
        truncation = self.protocol.get("truncation")
        group = "metrics" if truncation is None else f"metrics_at_truncation_{truncation}"
        group = "truncation_curve" if isinstance(truncation, list) else group
        writer = tf.summary.create_file_writer(str(folder), filename_suffix=".evaluation")
        with writer.as_default(self.protocol["step"]):
            for name, value in self._single().items():
                tf.summary.scalar(f"{group}/{name}", value)
        writer.close()

    def summary(self) -> str:
        """The result for a reader: each number with its extractor, and the counts of both sides."""
        p = self.protocol
        lines = [f"{name:<27}{value:>12.6g}   [{p['extractor']}]" for name, value in self._single().items()]
        n_real = "an unknown number" if p["n_real"] is None else f"{p['n_real']:,}"
        counts = f"{p['n_generated']:,} of {p['images']} against {n_real} of {p['reference']}"
        counts += "".join(f", {fact}" for fact in self._generator_facts())
        notes = f"extractor {p['extractor']}: " + ", ".join(filter(None, [p["extractor_hash"], p["extractor_note"]]))
        return "\n".join([*lines, *self.in_words(), counts, notes])

    def in_words(self) -> list[str]:
        """Sentences about numbers that need a reference: FID with its two extremes, variety relative to the data."""
        m, sentences = self.metrics, []
        ends = (
            ("fid_of_data", "between two halves of the data"),
            ("fid_untrained", "for the untrained generator"),
        )
        if "fid" in m and (known := [f"{m[name]:.4g} {of}" for name, of in ends if name in m]):
            sentences.append(f"for scale, FID is {' and '.join(known)}")
        if "shape_variety" in m:
            sentences.append(
                f"variety within classes: {m['shape_variety']:.0%} of the data's by shape, "
                f"{m['feature_variety']:.0%} by features; {m['distinct_shapes']:.0%} as many distinct shapes"
            )
        return sentences

    def _generator_facts(self) -> list[str]:
        p = self.protocol
        facts = [f"{p['statistics']} statistics"] if p.get("statistics") else []
        return facts + ([f"truncation {p['truncation']} ({p['truncation_mode']})"] if p.get("truncation") else [])

    def _single(self) -> dict[str, float]:
        return {name: value for name, value in self.metrics.items() if not isinstance(value, list)}


def describe_protocol(
    generated: ImageSet, real: ImageSet | KnownMoments, extractor: Extractor, *, seed: int, facts: GeneratorFacts
) -> dict:
    """The protocol of numbers that compare `generated` with `real` by an extractor, ready for JSON."""
    return {
        "extractor": extractor.name,
        "extractor_hash": extractor.hash,
        "extractor_note": extractor.note,
        "resize": extractor.resize,
        "resolution": generated.resolution,
        "encoding": "uint8, rounded",
        "images": generated.name,
        "n_generated": generated.count,
        "reference": real.name,
        "reference_fingerprint": real.fingerprint,
        "n_real": real.count,
        "seed": seed,
        **dataclasses.asdict(facts),
        "versions": versions(),
    }


def comparable_part(protocol: Mapping) -> dict:
    """What two scores must share to be compared: everything but the checkpoint, names, notes and versions.

    Facts that don't apply, which are None, are left out.
    """
    return {name: value for name, value in protocol.items() if value is not None and name not in _MAY_DIFFER}


def over_seeds(results: Sequence[EvaluationResult]) -> EvaluationResult:
    """Combines the results of several seeds; a single result is returned as it is.

    Each metric that all of them have becomes its mean, with the standard deviation (divided by n-1) beside it as
    NAME_over_seeds_std.

    Raises:
      ValueError: for results whose protocols differ in more than the seed: their mean would be meaningless.
    """
    if len(results) == 1:
        return results[0]
    protocols = [{**result.protocol, "seed": None} for result in results]
    differing = sorted(key for key in protocols[0] if any(other[key] != protocols[0][key] for other in protocols))
    if differing:
        raise ValueError(
            f"results of several seeds must share their protocol; received differences in "
            f"{', '.join(differing)}. Measure them with the same options."
        )
    metrics: dict[str, float | list[float]] = {}
    for name in results[0].metrics:
        if not all(name in result.metrics for result in results):
            continue  # an earlier record may hold more than was asked for now
        values = np.array([result.metrics[name] for result in results])
        metrics |= {name: values.mean(axis=0).tolist(), f"{name}_over_seeds_std": values.std(axis=0, ddof=1).tolist()}
    seeds = [result.protocol["seed"] for result in results]
    return EvaluationResult(metrics=metrics, protocol={**results[0].protocol, "seed": seeds})


def _null_for_nan(value: float | list[float]) -> float | list[float | None] | None:
    if isinstance(value, list):
        return [_null_for_nan(item) for item in value]
    return value if np.isfinite(value) else None


def _nan_for_null(value: float | list[float | None] | None) -> float | list[float]:
    if isinstance(value, list):
        return [_nan_for_null(item) for item in value]
    return float("nan") if value is None else value
