"""`python -m sagan_tf.evaluate`: a run's samples, or anybody's images, measured against real images."""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from sagan_tf import jsonl
from sagan_tf.data.source import DataError
from sagan_tf.evaluate_flags import parse
from sagan_tf.evaluation.evaluator import compare
from sagan_tf.evaluation.exported import exported_samples
from sagan_tf.evaluation.moments import write_moments
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.passes import Passes
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.evaluation.real_side import real_side
from sagan_tf.evaluation.several_seeds import over_seeds
from sagan_tf.evaluation.table_layout import paper_table, runs_table
from sagan_tf.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.refusals import answered
from sagan_tf.runs.measuring import Chosen, measure_generator, measure_memorization, measure_split
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.truncation_curve import measure_curve
from sagan_tf.runs.yardstick import SPLITS, Yardstick, file_images, file_yardstick, run_yardstick
from sagan_tf.training.checkpoints import CheckpointError
from sagan_tf.training.strategy import create_strategy

WATCH_SECONDS = 10


def watch(
    run: RunDirectory, options: EvaluationOptions, yardstick: Yardstick, chosen: Chosen
) -> EvaluationResult | None:
    """Measures each checkpoint that isn't yet, now and as training writes more, up to the run's last step."""
    last, result = _measured_up_to(run, options, yardstick), None
    total = run.experiment().total_steps
    while last < total:
        for step in [step for step in run.checkpoints().steps() if step > last]:
            last = step
            try:
                result = measure_generator(run, options, yardstick, dataclasses.replace(chosen, step=step))
            except (RunError, CheckpointError, OSError):
                if step in run.checkpoints().steps():
                    raise
                print(f"step {step} was removed before it was measured", file=sys.stderr)
                continue
            print(f"step {step}\n{result.summary()}", file=sys.stderr)
        if last < total:
            time.sleep(WATCH_SECONDS)
    return result


def _measured_up_to(run: RunDirectory, options: EvaluationOptions, yardstick: Yardstick) -> int:
    path = run.path / "metrics.jsonl"
    protocols = [record["protocol"] for record in jsonl.read(path)]
    return max(
        (
            p["step"]
            for p in protocols
            if p["step"] is not None
            and p.get("truncation") == options.truncation
            and p["extractor_hash"] == yardstick.extractor.hash
        ),
        default=-1,
    )


def measure_from_flags(flags: argparse.Namespace) -> list[EvaluationResult]:
    """What the command line asks for: one result, or one a seed; a run's are kept with it as they come."""
    if flags.saved_model:
        return [_measure_export(flags)]
    if not flags.run_dir:
        return [_measure_files(flags)]
    run = RunDirectory.open(flags.run_dir)
    options = _options(flags, run.experiment().evaluation or EvaluationOptions())
    if flags.memorization:
        return [measure_memorization(run, options, step=flags.step)]
    yardstick = run_yardstick(run, options, reference=flags.reference or "train", data_dir=flags.data_dir)
    _write_reference(flags, options, yardstick)
    chosen = Chosen(average=flags.average, step=flags.step, strategy=_strategy(flags))
    seeds = flags.seeds or [options.seed]
    if flags.truncation_curve:
        return [measure_curve(run, options, yardstick, chosen, thresholds=flags.truncation_curve, seeds=seeds)]
    if flags.watch:
        last = watch(run, options, yardstick, chosen)
        return [last] if last else []
    if flags.images:
        return [measure_split(run, options, yardstick, flags.images)]
    return [
        measure_generator(run, dataclasses.replace(options, seed=seed), yardstick, chosen, again=len(seeds) == 1)
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
    yardstick = file_yardstick(flags.reference, options, side=images.resolution, data_dir=flags.data_dir)
    _write_reference(flags, options, yardstick)
    return compare(images, yardstick.real, extractor=yardstick.extractor, options=options, strategy=_strategy(flags))


def _measure_export(flags: argparse.Namespace) -> EvaluationResult:
    """An exported generator, against a run's data or files; its number is kept with neither."""
    if not (flags.run_dir or flags.reference):
        raise DataError(
            "--saved_model must be compared with a --reference, or with the data of a --run_dir; received "
            "neither. Name one."
        )
    options = _options(flags, EvaluationOptions())
    images, facts = exported_samples(flags.saved_model, options)
    if flags.run_dir:
        yardstick = run_yardstick(
            RunDirectory.open(flags.run_dir), options, reference=flags.reference or "train", data_dir=flags.data_dir
        )
    else:
        yardstick = file_yardstick(flags.reference, options, side=images.resolution, data_dir=flags.data_dir)
    images = dataclasses.replace(images, agreement=yardstick.real.agreement)
    return compare(
        images, yardstick.real, extractor=yardstick.extractor, options=options, facts=facts, strategy=_strategy(flags)
    )


def _strategy(flags: argparse.Namespace) -> tf.distribute.Strategy:
    """Devices of this process: a TPU or a cluster trains, but the extractors' graphs are for CPU and GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    best = "mirrored" if len(gpus) > 1 else "gpu" if gpus else "cpu"
    return create_strategy(best if flags.strategy in (None, "auto") else flags.strategy, say=lambda line: None)


def _options(flags: argparse.Namespace, options: EvaluationOptions) -> EvaluationOptions:
    """The run's options, or the defaults, with what the flags say instead."""
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
    return dataclasses.replace(options, **{name: value for name, value in given.items() if value is not None})


def _write_reference(flags: argparse.Namespace, options: EvaluationOptions, yardstick: Yardstick) -> None:
    if not flags.write_reference:
        return
    extractor = yardstick.extractor
    passes = Passes(extractor, batch_size=options.batch_size)
    moments = real_side(yardstick.real, passes, frozenset({"moments"})).moments
    write_moments(
        Path(flags.write_reference),
        moments,
        protocol={
            "images": yardstick.real.name,
            "extractor": extractor.name,
            "extractor_hash": extractor.hash,
            "resize": extractor.resize,
        },
    )


def main(arguments: Sequence[str] | None = None) -> int:
    flags = parse(arguments)

    def work() -> None:
        with sigterm_as_keyboard_interrupt():
            print(_table(flags) if flags.table else _report(flags))

    return answered(
        work,
        interrupted=lambda stop: f"interrupted: {stop or 'nothing was measured yet'}. Repeat the command to go on.",
    )


def _table(flags: argparse.Namespace) -> str:
    if flags.table == "runs":
        return runs_table(flags.run_dirs, flags.metrics or ["fid"], step=flags.step, truncation=flags.truncation)
    return paper_table(flags.table, flags.run_dirs)


def _report(flags: argparse.Namespace) -> str:
    results = measure_from_flags(flags)
    if not results:
        return f"Every checkpoint of {flags.run_dir} is measured already: see its metrics.jsonl."
    if flags.out:
        for result in results:
            result.append_to(Path(flags.out))
    summary = over_seeds(results)
    return json.dumps(summary.record(), indent=1) if flags.json else summary.summary()


if __name__ == "__main__":
    sys.exit(main())
