"""`python -m sagan_tf.evaluate`: a run's samples, or anybody's images, measured against real images."""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import tensorflow as tf

from sagan_tf.config import ConfigError
from sagan_tf.data.source import DataError
from sagan_tf.evaluation.evaluator import compare
from sagan_tf.evaluation.exported import exported_samples
from sagan_tf.evaluation.moments import write_moments
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.passes import Passes
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.evaluation.real_side import real_side
from sagan_tf.evaluation.several_seeds import over_seeds
from sagan_tf.evaluation.table_layout import paper_table, read_records, runs_table
from sagan_tf.evaluation.truncation_curve import THRESHOLDS
from sagan_tf.interruption import INTERRUPTED, sigterm_as_keyboard_interrupt
from sagan_tf.latents import TRUNCATIONS
from sagan_tf.runs.measuring import Chosen, measure_generator, measure_memorization, measure_split
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.truncation_curve import measure_curve
from sagan_tf.runs.yardstick import SPLITS, Yardstick, file_images, file_yardstick, run_yardstick
from sagan_tf.sampling.standing_statistics import Statistics
from sagan_tf.training.checkpoints import CheckpointError
from sagan_tf.training.strategy import StrategyError, create_strategy

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
    protocols = [record["protocol"] for record in read_records(path)] if path.exists() else []
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
    return create_strategy(best if flags.strategy == "auto" else flags.strategy, say=lambda line: None)


def _options(flags: argparse.Namespace, options: EvaluationOptions) -> EvaluationOptions:
    """The run's options, or the defaults, with what the flags say instead."""
    given = {
        "extractor": flags.extractor,
        "inception_location": flags.inception,
        "n_samples": flags.num,
        "metrics": tuple(flags.metrics.split(",")) if flags.metrics else None,
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagan_tf.evaluate", description=__doc__)
    parser.add_argument("--run_dir", metavar="RUN", help="measure this run's generator")
    parser.add_argument(
        "--saved_model",
        metavar="DIR",
        help="measure this exported generator, at --truncation, against --reference or the data of --run_dir",
    )
    parser.add_argument(
        "--images",
        metavar="PATH",
        help="measure these: .npz (arr_0 uint8), folder, tfds:NAME:SPLIT; "
        "with --run_dir train or validation, a split of its data",
    )
    parser.add_argument(
        "--reference",
        metavar="PATH",
        help="the real images: the same kinds, or an .npz of mu and "
        "sigma; with --run_dir also train (default) or validation",
    )
    parser.add_argument("--extractor", metavar="NAME", help="auto, inception, dataset, or a SavedModel's folder")
    parser.add_argument("--inception", metavar="DIR", help="where the Inception module lies, local or gs://")
    parser.add_argument("--metrics", help="is, fid, kid, pr, ... separated by commas")
    parser.add_argument("--num", type=int, help="generated images")
    parser.add_argument(
        "--seeds",
        type=lambda text: [int(seed) for seed in text.split(",")],
        metavar="0,1,2",
        help="measure with each seed that isn't yet; their mean and deviation are reported too",
    )
    parser.add_argument("--watch", action="store_true", help="measure each new checkpoint until training ends")
    parser.add_argument(
        "--memorization",
        action="store_true",
        help="the shares of training and validation images that D calls real, instead",
    )
    parser.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    parser.add_argument(
        "--average",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the moving average of G, or its raw weights; the average by default if there is one",
    )
    parser.add_argument(
        "--statistics",
        choices=get_args(Statistics),
        help="of the generator's batch norms; standing by default for truncated samples, else what the run says",
    )
    parser.add_argument("--truncation", type=float, metavar="THRESHOLD", help="cut z; BigGAN's are 0.04 to 2")
    parser.add_argument("--truncation_mode", choices=list(TRUNCATIONS), help="resampled, the paper's, by default")
    parser.add_argument(
        "--truncation_curve",
        nargs="?",
        type=_thresholds,
        const=THRESHOLDS,
        metavar="2,1,0.5",
        help="IS against FID at these thresholds (by default "
        f"{', '.join(map(str, THRESHOLDS))}), as numbers, CSV and plot",
    )
    parser.add_argument(
        "--strategy",
        default="auto",
        choices=["auto", "cpu", "gpu", "mirrored"],
        help="whose replicas share the work; auto takes all GPUs of this machine, else the CPU",
    )
    parser.add_argument("--resolution", type=int, help="crop and resize images of files to this side")
    parser.add_argument("--batch_size", type=int, help="images a pass through the extractor")
    parser.add_argument("--allow_few_samples", action="store_true", help="FID of too few images, for debugging only")
    parser.add_argument("--data_dir", metavar="DIR", help="where TFDS keeps its data sets")
    parser.add_argument("--write_reference", metavar="FILE", help="keep the reference's mu and sigma in an .npz")
    parser.add_argument("--out", metavar="FILE", help="append results here; those of a run are also kept with the run")
    parser.add_argument(
        "--table",
        metavar="NAME",
        help="lay the results of --run_dirs beside a paper's: sagan_table1, "
        "...; runs: the --metrics of the runs alone, at --step and --truncation",
    )
    parser.add_argument(
        "--run_dirs",
        type=lambda text: text.split(","),
        default=[],
        metavar="[ROW=]RUN,...",
        help="evaluated runs for --table; several of a row give mean and deviation",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: the metrics' names as keys, and protocol")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    flags = parser.parse_args(arguments)
    if not (flags.run_dir or flags.images or flags.table or flags.saved_model):
        parser.error("one of --run_dir, --saved_model, --images and --table is needed")
    if flags.run_dir and flags.images and flags.images not in SPLITS:
        parser.error("--images with --run_dir must be train or validation; to measure files leave --run_dir out")
    try:
        with sigterm_as_keyboard_interrupt():
            print(_table(flags) if flags.table else _report(flags))
    except (ConfigError, DataError, RunError, CheckpointError, StrategyError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"interrupted: {stop or 'nothing was measured yet'}. Repeat the command to go on.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _thresholds(text: str) -> tuple[float, ...]:
    return tuple(float(threshold) for threshold in text.split(","))


def _table(flags: argparse.Namespace) -> str:
    if flags.table == "runs":
        metrics = (flags.metrics or "fid").split(",")
        return runs_table(flags.run_dirs, metrics, step=flags.step, truncation=flags.truncation)
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
