"""Evaluates a run's networks: its generator's samples against a reference, and how far its discriminator memorizes
data.

Training calls `evaluate_run`; `measure_generator` measures any checkpoint with any options.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from sagan_tf.data.source import Examples
from sagan_tf.evaluation.evaluator import compare
from sagan_tf.evaluation.image_sets import ImageSet, generated_images
from sagan_tf.evaluation.memorization import share_called_real
from sagan_tf.evaluation.metrics import is_measured
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts, describe_protocol
from sagan_tf.foundation import files, jsonl
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake
from sagan_tf.monitoring.writer import can_write_events
from sagan_tf.runs.reference import SPLITS, Reference, run_reference, split_images
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel, restored_discriminator, sampler_of
from sagan_tf.sampling.seeds import SeededLatents
from sagan_tf.training.state import initial_seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointChoice:
    """Which generator of a run is measured, and on which devices.

    average: the moving average or the raw weights; None: the average if the run keeps one.
    step: a checkpoint's; None: the newest.
    strategy: its replicas share the work; None: one device.
    """

    average: bool | None = None
    step: int | None = None
    strategy: tf.distribute.Strategy | None = None


def run_samples(
    run: RunDirectory, options: EvaluationOptions, chosen: CheckpointChoice
) -> tuple[ImageSet, GeneratorFacts]:
    """Samples of a run's checkpoint, drawn as the options say, and what is known of their generator.

    Standing statistics are gathered when the first image is requested.

    Raises:
      RunError: if there is no such checkpoint.
      ValueError: for a truncation of a prior that can't be truncated.
    """
    truncation = options.sampler_truncation
    mode = truncation.mode if truncation else None
    SeededLatents(z_dim=1, latent=run.experiment().latent, mode=mode)  # refuses a prior that can't be truncated
    scope = (chosen.strategy or tf.distribute.get_strategy()).scope
    with scope():
        model = TrainedModel(
            run,
            average=chosen.average,
            step=chosen.step,
            statistics=options.statistics,
            standing_passes=options.standing_passes,
        )
    statistics = model.statistics(truncation)

    def make_sampler():
        with scope():
            return model.sampler(truncation)

    facts = GeneratorFacts(
        step=model.step,
        weights="ema" if model.averaged else "raw",
        weights_hash=model.weights_hash,
        statistics=statistics,
        standing_passes=options.standing_passes if statistics == "standing" else None,
        truncation=options.truncation,
        truncation_mode=mode,
    )
    images = generated_images(
        make_sampler,
        count=options.n_samples,
        class_names=run.class_names,
        resolution=model.spec.resolution,
        seed=options.seed,
        identity=repr(facts),
        label_kind=run.label_kind,
    )
    return images, facts


def measure_generator(
    run: RunDirectory,
    options: EvaluationOptions,
    reference: Reference,
    chosen: CheckpointChoice | None = None,
    *,
    reuse: bool = False,
    extra: Mapping[str, float] | None = None,
) -> EvaluationResult:
    """Measures samples of a run's checkpoint against a reference, and records the result with the run.

    If it is interrupted, the same call resumes where it was.

    reuse: returns the recorded result of exactly this protocol instead, if there is one with the options' metrics.
    extra: numbers that are recorded in addition to the result's own.
    """
    chosen = chosen or CheckpointChoice()
    images, facts = run_samples(run, options, chosen)
    images = dataclasses.replace(images, agreement=reference.real.agreement)
    return _measured(run, images, reference, options, facts, reuse=reuse, strategy=chosen.strategy, extra=extra)


def measure_split(
    run: RunDirectory, options: EvaluationOptions, reference: Reference, split: str, *, reuse: bool = False
) -> EvaluationResult:
    """Measures a split of a run's own data, "train" or "validation": the papers' scores of real images."""
    return _measured(run, split_images(run, options, split), reference, options, GeneratorFacts(), reuse=reuse)


def record_result(run: RunDirectory, result: EvaluationResult) -> None:
    """Appends the result to RUN/metrics.jsonl, and its numbers at its step to the run's TensorBoard events.

    If writing fails, a warning is logged: the numbers may have taken hours, and the caller still prints them.
    """
    with files.dispensable("metrics.jsonl, which keeps the numbers,"):
        result.append_to(run.path / "metrics.jsonl")
    if result.protocol["step"] is not None and can_write_events():
        with files.dispensable("TensorBoard's events of an evaluation"):
            result.write_events(run.path / "tensorboard")


def _measured(
    run: RunDirectory,
    images: ImageSet,
    reference: Reference,
    options: EvaluationOptions,
    facts: GeneratorFacts,
    *,
    reuse: bool,
    strategy: tf.distribute.Strategy | None = None,
    extra: Mapping[str, float] | None = None,
) -> EvaluationResult:
    if reuse and (recorded := _recorded(run, images, reference, options, facts)):
        return recorded
    result = compare(
        images, reference.real, extractor=reference.extractor, options=options, facts=facts, strategy=strategy
    )
    result = dataclasses.replace(result, metrics={**result.metrics, **(extra or {})})
    record_result(run, result)
    return result


def _recorded(
    run: RunDirectory, images: ImageSet, reference: Reference, options: EvaluationOptions, facts: GeneratorFacts
) -> EvaluationResult | None:
    """The run's last result with exactly this protocol that has all metrics of the options, or None."""
    path = run.path / "metrics.jsonl"
    protocol = describe_protocol(images, reference.real, reference.extractor, seed=options.seed, facts=facts)
    for record in reversed(jsonl.read(path) if options.metrics else []):
        if record["protocol"] == protocol and all(is_measured(name, record) for name in options.metrics):
            return EvaluationResult.from_record(record)
    return None


def measure_memorization(run: RunDirectory, options: EvaluationOptions, *, step: int | None = None) -> EvaluationResult:
    """The shares of a run's training and validation images that its discriminator calls real, recorded with the run.

    step: a checkpoint's; None: the newest.

    Raises:
      RunError: if there is no such checkpoint.
    """
    discriminator, restored_step = restored_discriminator(run, step=step)

    @tf.function(reduce_retracing=True)
    def logits(images, labels):
        return discriminator(images, labels, training=False).logits

    sets = {split: split_images(run, options, split) for split in SPLITS}
    shares = {
        f"{split}_called_real": share_called_real(lambda x, y: logits(x, y).numpy(), images)
        for split, images in sets.items()
    }
    protocol = {
        "extractor": "discriminator",
        "extractor_hash": run.weights_hash(restored_step),
        "extractor_note": "",
        "images": sets["validation"].name,
        "n_generated": sets["validation"].count,
        "reference": sets["train"].name,
        "n_real": sets["train"].count,
        "seed": None,
        "step": restored_step,
    }
    result = EvaluationResult(metrics=shares, protocol=protocol)
    record_result(run, result)
    return result


def evaluate_run(
    run: RunDirectory,
    options: EvaluationOptions,
    *,
    examples: Examples | None = None,
    step: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> EvaluationResult:
    """Measures a run's generator against the run's own data, and records the result with the run.

    If FID is measured, that of the run's untrained generator is added, which is measured once. Small data sets have no
    FID.

    examples: the data, if they are open already.
    step: a checkpoint's; None: the newest.
    strategy: its replicas share the work; None: one device.
    """
    reference = run_reference(run, options, examples=examples)
    chosen = CheckpointChoice(step=step, strategy=strategy)
    extra = {}
    has_fid = options.allow_few_samples or (reference.real.count or 0) > reference.extractor.n_features
    if "fid" in options.metrics if options.metrics else has_fid:
        extra["fid_untrained"] = _fid_untrained(run, options, reference, strategy)
    return measure_generator(run, options, reference, chosen, extra=extra)


def _fid_untrained(
    run: RunDirectory, options: EvaluationOptions, reference: Reference, strategy: tf.distribute.Strategy | None
) -> float:
    """FID of the generator as the run's seed initializes it: recorded with an earlier result, or measured."""
    same = {
        "extractor_hash": reference.extractor.hash,
        "reference_fingerprint": reference.real.fingerprint,
        "n_generated": options.n_samples,
    }
    for record in jsonl.read(run.path / "metrics.jsonl"):
        if record.get("fid_untrained") is not None and same.items() <= record["protocol"].items():
            return record["fid_untrained"]
    settings, spec = run.experiment(), run.spec()
    generator = Generator(spec, numerics=settings.numerics, seed=initial_seeds(settings.seed)[0])
    generator.gray = run.gray
    images = generated_images(
        lambda: sampler_of(bake(generator), n_classes=len(run.class_names), latent=settings.latent),
        count=options.n_samples,
        class_names=run.class_names,
        resolution=spec.resolution,
        seed=options.seed,
        label_kind=run.label_kind,
    )
    only_fid = dataclasses.replace(options, metrics=("fid",))
    result = compare(images, reference.real, extractor=reference.extractor, options=only_fid, strategy=strategy)
    return result.metrics["fid"]
