"""A run's networks measured: its generator's samples by a reference, its discriminator's memory of the data."""

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
from sagan_tf.runs.reference import SPLITS, Reference, run_reference, split_images
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel, restored_discriminator, sampler_of
from sagan_tf.sampling.seeds import SeededLatents
from sagan_tf.training.state import initial_seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointChoice:
    """Which generator of a run is measured, and on what: average or raw weights (None: the average if there is one),
    a checkpoint's step (None: the newest), a strategy whose replicas share the work (None: one device).
    """

    average: bool | None = None
    step: int | None = None
    strategy: tf.distribute.Strategy | None = None


def run_samples(
    run: RunDirectory, options: EvaluationOptions, chosen: CheckpointChoice
) -> tuple[ImageSet, GeneratorFacts]:
    """Samples of a run's checkpoint, drawn as the options say, and what is to be known about their generator.

    Standing statistics are gathered when the first image is asked for. Raises RunError where there is no such
    checkpoint, ValueError for a truncation of a prior that isn't normal.
    """
    cut = options.cut
    SeededLatents(z_dim=1, latent=run.experiment().latent, mode=cut.mode if cut else None)
    scope = (chosen.strategy or tf.distribute.get_strategy()).scope
    with scope():
        model = TrainedModel(
            run,
            average=chosen.average,
            step=chosen.step,
            statistics=options.statistics,
            standing_passes=options.standing_passes,
        )
    statistics = model.statistics(cut)

    def make_sampler():
        with scope():
            return model.sampler(cut)

    facts = GeneratorFacts(
        step=model.step,
        weights="ema" if model.averaged else "raw",
        weights_hash=run.weights_hash(model.step),
        statistics=statistics,
        standing_passes=options.standing_passes if statistics == "standing" else None,
        truncation=options.truncation,
        truncation_mode=cut.mode if cut else None,
    )
    images = generated_images(
        make_sampler,
        count=options.n_samples,
        class_names=run.class_names,
        resolution=model.spec.resolution,
        seed=options.seed,
        identity=repr(facts),
    )
    return images, facts


def measure_generator(
    run: RunDirectory,
    options: EvaluationOptions,
    reference: Reference,
    chosen: CheckpointChoice | None = None,
    *,
    again: bool = True,
    beside: Mapping[str, float] | None = None,
) -> EvaluationResult:
    """Samples of a run's checkpoint by a reference, kept with the run; interrupted, the same call goes on where it was.

    again: False takes the kept result of the very same protocol, if there is one with the options' metrics. beside:
    numbers that are kept with the result's own.
    """
    chosen = chosen or CheckpointChoice()
    images, facts = run_samples(run, options, chosen)
    images = dataclasses.replace(images, agreement=reference.real.agreement)
    return _measured(run, images, reference, options, facts, again=again, strategy=chosen.strategy, beside=beside)


def measure_split(
    run: RunDirectory, options: EvaluationOptions, reference: Reference, split: str, *, again: bool = True
) -> EvaluationResult:
    """A split of a run's own data, "train" or "validation", in place of samples: the papers' scores of real images."""
    return _measured(run, split_images(run, options, split), reference, options, GeneratorFacts(), again=again)


def keep(run: RunDirectory, result: EvaluationResult) -> None:
    """Appends the result to RUN/metrics.jsonl, and its numbers at its step to the run's TensorBoard events.

    A disk that refuses is noted: the numbers are the work of hours, and the caller prints them.
    """
    with files.dispensable("metrics.jsonl, which keeps the numbers,"):
        result.append_to(run.path / "metrics.jsonl")
    if result.protocol["step"] is not None:
        with files.dispensable("TensorBoard's events of an evaluation"):
            result.write_events(run.path / "tensorboard")


def _measured(
    run: RunDirectory,
    images: ImageSet,
    reference: Reference,
    options: EvaluationOptions,
    facts: GeneratorFacts,
    *,
    again: bool,
    strategy: tf.distribute.Strategy | None = None,
    beside: Mapping[str, float] | None = None,
) -> EvaluationResult:
    if not again and (kept := _kept(run, images, reference, options, facts)):
        return kept
    result = compare(
        images, reference.real, extractor=reference.extractor, options=options, facts=facts, strategy=strategy
    )
    result = dataclasses.replace(result, metrics={**result.metrics, **(beside or {})})
    keep(run, result)
    return result


def _kept(
    run: RunDirectory, images: ImageSet, reference: Reference, options: EvaluationOptions, facts: GeneratorFacts
) -> EvaluationResult | None:
    """The run's last result of exactly this protocol with all of the metrics asked for."""
    path = run.path / "metrics.jsonl"
    protocol = describe_protocol(images, reference.real, reference.extractor, seed=options.seed, facts=facts)
    for record in reversed(jsonl.read(path) if options.metrics else []):
        found = {name: value for name, value in record.items() if name != "protocol"}
        if record["protocol"] == protocol and all(is_measured(name, found) for name in options.metrics):
            return EvaluationResult(metrics=found, protocol=protocol)
    return None


def measure_memorization(run: RunDirectory, options: EvaluationOptions, *, step: int | None = None) -> EvaluationResult:
    """The shares of a run's training and validation images that its discriminator calls real, kept with the run.

    Raises RunError where the run has no checkpoint (of that step).
    """
    discriminator, found = restored_discriminator(run, step=step)

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
        "extractor_hash": run.weights_hash(found),
        "extractor_note": "",
        "images": sets["validation"].name,
        "n_generated": sets["validation"].count,
        "reference": sets["train"].name,
        "n_real": sets["train"].count,
        "seed": None,
        "step": found,
    }
    result = EvaluationResult(metrics=shares, protocol=protocol)
    keep(run, result)
    return result


def evaluate_run(
    run: RunDirectory,
    options: EvaluationOptions,
    *,
    examples: Examples | None = None,
    step: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> EvaluationResult:
    """Measures a run's generator against the run's own data, and keeps the result with the run.

    examples: the data, if it is open already. step: a checkpoint's; None: the newest. strategy: whose replicas share
    the work; None: one device. FID comes with that of the run's untrained generator, which is measured once.
    """
    reference = run_reference(run, options, examples=examples)
    chosen = CheckpointChoice(step=step, strategy=strategy)
    beside = {}
    if options.metrics is None or "fid" in options.metrics:
        beside["fid_untrained"] = _fid_untrained(run, options, reference, strategy)
    return measure_generator(run, options, reference, chosen, beside=beside)


def _fid_untrained(
    run: RunDirectory, options: EvaluationOptions, reference: Reference, strategy: tf.distribute.Strategy | None
) -> float:
    """FID of the generator as the run's seed starts it: from an earlier result of the same reference, or measured."""
    alike = {
        "extractor_hash": reference.extractor.hash,
        "reference_fingerprint": reference.real.fingerprint,
        "n_generated": options.n_samples,
    }
    for record in jsonl.read(run.path / "metrics.jsonl"):
        if record.get("fid_untrained") is not None and alike.items() <= record["protocol"].items():
            return record["fid_untrained"]
    settings, spec = run.experiment(), run.spec()
    generator = Generator(spec, numerics=settings.numerics, seed=initial_seeds(settings.seed)[0])
    images = generated_images(
        lambda: sampler_of(bake(generator), n_classes=len(run.class_names), latent=settings.latent),
        count=options.n_samples,
        class_names=run.class_names,
        resolution=spec.resolution,
        seed=options.seed,
    )
    only_fid = dataclasses.replace(options, metrics=("fid",))
    return compare(images, reference.real, extractor=reference.extractor, options=only_fid, strategy=strategy).metrics[
        "fid"
    ]
