"""What `evaluate` does in each of its modes: a checkpoint, all of them, a curve, files, an export, or a table."""

import argparse
import dataclasses
import json
from pathlib import Path

import tensorflow as tf

from sagan_tf.data.source import DataError
from sagan_tf.evaluation.activations import BatchedExtractor
from sagan_tf.evaluation.array_files import write_moments
from sagan_tf.evaluation.evaluator import compare
from sagan_tf.evaluation.exported import exported_samples
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult, over_seeds
from sagan_tf.evaluation.reference import reference_activations
from sagan_tf.evaluation.table_layout import paper_table, runs_table
from sagan_tf.foundation import files, jsonl
from sagan_tf.foundation.notes import note
from sagan_tf.runs.evaluation import CheckpointChoice, measure_generator, measure_memorization, measure_split
from sagan_tf.runs.one_checkpoint import one_checkpoint
from sagan_tf.runs.reference import SPLITS, Reference, file_images, file_reference, run_reference
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.truncation_curve import measure_curve
from sagan_tf.runs.watch import watch
from sagan_tf.training.strategy import create_strategy


def measure_from_flags(flags: argparse.Namespace) -> list[EvaluationResult]:
    """Measures what the command line requests: one result, or one per seed. Results of a run are recorded with it.

    Raises:
      DataError, RunError, ValueError: for flags that can't be satisfied; the message says what to do.
    """
    if flags.mode == "export":
        return _measure_export(flags)
    if flags.mode == "files":
        return [_measure_files(flags)]
    run = RunDirectory.open(flags.run_dir, data=flags.data)
    options = _options(flags, run.experiment().evaluation or EvaluationOptions())
    if flags.mode == "memorization":
        return [measure_memorization(run, options, step=flags.step)]
    reference = run_reference(run, options, reference=flags.reference or "train", data_dir=flags.data_dir)
    _write_reference(flags, options, reference)
    if flags.mode == "split":
        return [measure_split(run, options, reference, flags.images)]
    chosen = CheckpointChoice(average=flags.average, step=flags.step, strategy=_strategy(flags))
    seeds = flags.seeds or [options.seed]
    if flags.mode == "watch":
        last = watch(run, options, reference, chosen)
        return [last] if last else []
    with one_checkpoint(run, chosen) as one:
        if flags.mode == "curve":
            return [measure_curve(run, options, reference, one, thresholds=flags.truncation_curve, seeds=seeds)]
        return [
            measure_generator(run, dataclasses.replace(options, seed=seed), reference, one, reuse=bool(flags.seeds))
            for seed in seeds
        ]


def _measure_files(flags: argparse.Namespace) -> EvaluationResult:
    if not flags.reference or flags.reference in SPLITS:
        raise DataError(
            "--images must be compared with a --reference: a folder, an .npz, or tfds:NAME:SPLIT; "
            f"received --reference={flags.reference}. Name one."
        )
    options = _options(flags, EvaluationOptions())
    images = file_images(flags.images, options, resolution=flags.resolution, data_dir=flags.data_dir)
    reference = file_reference(flags.reference, options, resolution=images.resolution, data_dir=flags.data_dir)
    _write_reference(flags, options, reference)
    return compare(images, reference.real, extractor=reference.extractor, options=options, strategy=_strategy(flags))


def _measure_export(flags: argparse.Namespace) -> list[EvaluationResult]:
    """Measures an exported generator against a run's data or files; the results are not recorded with them."""
    if not (flags.run_dir or flags.reference):
        raise DataError(
            "--saved_model must be compared with a --reference, or with the data of a --run_dir; received "
            "neither. Name one."
        )
    if flags.reference in SPLITS and not flags.run_dir:
        raise DataError(
            f"a split as reference must be of a run's data; received --reference={flags.reference} without --run_dir. "
            "Add --run_dir=RUN, or name a folder or file."
        )
    run = RunDirectory.open(flags.run_dir, data=flags.data) if flags.run_dir else None
    options = _options(flags, _export_options(run.experiment().evaluation if run else None))
    seeds = flags.seeds or [options.seed]
    samples = [exported_samples(flags.saved_model, dataclasses.replace(options, seed=seed)) for seed in seeds]
    if run:
        reference = run_reference(run, options, reference=flags.reference or "train", data_dir=flags.data_dir)
    else:
        reference = file_reference(
            flags.reference, options, resolution=samples[0][0].resolution, data_dir=flags.data_dir
        )
    _write_reference(flags, options, reference)
    results, strategy = [], _strategy(flags)
    for seed, (images, facts) in zip(seeds, samples, strict=True):
        images = dataclasses.replace(images, agreement=reference.real.agreement)
        seeded = dataclasses.replace(options, seed=seed)
        results.append(
            compare(
                images, reference.real, extractor=reference.extractor, options=seeded, facts=facts, strategy=strategy
            )
        )
    return results


def _export_options(evaluation: EvaluationOptions | None) -> EvaluationOptions:
    """The run's options, so that its export is measured like the run, without those that are fixed in an export."""
    evaluation = evaluation or EvaluationOptions()
    return dataclasses.replace(evaluation, statistics=None, truncation=None, truncation_mode="resampled")


def _strategy(flags: argparse.Namespace) -> tf.distribute.Strategy:
    """The devices of this process. TPUs and clusters are for training: the extractors' graphs need a CPU or GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    best = "mirrored" if len(gpus) > 1 else "gpu" if gpus else "cpu"
    return create_strategy(best if flags.strategy in (None, "auto") else flags.strategy, say=lambda line: None)


def _options(flags: argparse.Namespace, options: EvaluationOptions) -> EvaluationOptions:
    """The options of the run, or the defaults, with the changes that the flags make."""
    given = {
        "extractor": flags.extractor,
        "inception_location": flags.inception,
        "n_samples": flags.num,
        "metrics": tuple(flags.metrics) if flags.metrics else None,
        "batch_size": flags.batch_size,
        "allow_few_samples": flags.allow_few_samples or None,
        "statistics": flags.statistics,
        "truncation": flags.truncation,
        "truncation_mode": flags.truncation_mode,
    }
    changed = dataclasses.replace(options, **{name: value for name, value in given.items() if value is not None})
    if flags.truncation_mode and changed.truncation is None and flags.mode != "curve":
        raise ValueError(
            f"--truncation_mode must be used with --truncation; received --truncation_mode={flags.truncation_mode} "
            "without it. Add --truncation=T, or leave the mode out."
        )
    return changed


def _write_reference(flags: argparse.Namespace, options: EvaluationOptions, reference: Reference) -> None:
    if not flags.write_reference:
        return
    extractor = reference.extractor
    batched = BatchedExtractor(extractor, batch_size=options.batch_size)
    moments = reference_activations(reference.real, batched, frozenset({"moments"})).moments
    write_moments(
        Path(flags.write_reference),
        moments,
        protocol={
            "images": reference.real.name,
            "extractor": extractor.name,
            "extractor_hash": extractor.hash,
            "resize": extractor.resize,
        },
    )


def run(flags: argparse.Namespace) -> None:
    """Measures or tabulates what the flags request, and prints it."""
    print(_table(flags)) if flags.table else _report(flags)


def _table(flags: argparse.Namespace) -> str:
    if flags.table == "runs":
        return runs_table(flags.run_dirs, flags.metrics or ["fid"], step=flags.step, truncation=flags.truncation)
    return paper_table(flags.table, flags.run_dirs)


def _measured_already(flags: argparse.Namespace) -> str:
    """What is printed if nothing was left to measure: a sentence, or with --json the last record."""
    run = RunDirectory(flags.run_dir).path
    sentence = f"Every checkpoint of {flags.run_dir} has already been measured: see its metrics.jsonl."
    if not flags.json:
        return sentence
    note(sentence)
    records = jsonl.read(run / "metrics.jsonl")
    return json.dumps(records[-1] if records else {"protocol": None}, indent=1)


def _report(flags: argparse.Namespace) -> None:
    if flags.out:
        files.check_output("--out", flags.out, append=True)
    if flags.write_reference:
        files.check_output("--write_reference", flags.write_reference)
    results = measure_from_flags(flags)
    if not results:
        print(_measured_already(flags))
        return
    summary = over_seeds(results)
    print(json.dumps(summary.record(), indent=1) if flags.json else summary.summary(), flush=True)
    for result in results if flags.out else ():
        result.append_to(Path(flags.out))  # last, so that the numbers are printed even if the disk is full
