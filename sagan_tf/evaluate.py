"""`python -m sagan_tf.evaluate`: a run's samples, or anybody's images, measured against real images."""

import argparse
import dataclasses
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sagan_tf.config import ConfigError
from sagan_tf.data.image_folder import ImageFolder
from sagan_tf.data.source import DataError, Examples, Source
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.evaluator import EvaluationOptions, compare
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_files import open_images, read_moments
from sagan_tf.evaluation.image_sets import ImageSet, example_images, generated_images
from sagan_tf.evaluation.moments import write_moments
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts
from sagan_tf.evaluation.real_side import KnownMoments, real_side
from sagan_tf.evaluation.several_seeds import over_seeds
from sagan_tf.evaluation.table_layout import paper_table, runs_table
from sagan_tf.run_directory import RunDirectory, RunError
from sagan_tf.training.checkpoints import CheckpointError

SPLITS = ("train", "validation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What images are measured by: an extractor, and the real side at hand."""

    extractor: Extractor
    real: ImageSet | KnownMoments


def evaluate_run(run: RunDirectory, options: EvaluationOptions, *, examples: Examples | None = None,
                 average: bool | None = None, step: int | None = None) -> EvaluationResult:
    """Measures a run's generator against the run's own data, and appends the result to RUN/metrics.jsonl.

    examples: the data, if it is open already. average, step: which weights; see RunDirectory.generator.
    """
    result = measure_generator(run, options, run_yardstick(run, options, examples=examples), average=average, step=step)
    result.append_to(run.path / "metrics.jsonl")
    return result


def run_yardstick(run: RunDirectory, options: EvaluationOptions, *, examples: Examples | None = None,
                  reference: str = "train", data_dir: str | None = None) -> Yardstick:
    """The real side that a run is measured against: a split of its own data, or images or moments of a file.

    The run's own data is opened only where it is measured against or learned from.
    """
    settings = run.experiment()
    side, transform = settings.spec.resolution, settings.transform
    real = None if reference in SPLITS else _files(reference, side, options, data_dir)[0]
    if real is None or options.extractor in ("auto", "dataset"):
        examples = examples or settings.data.open(side)
    extractor = _extractor(options, examples, side, transform)
    if real is None:
        chosen = examples if reference == "train" else _validation(settings.data).open(side)
        real = _images(chosen, side, transform, options)
    return Yardstick(extractor=extractor, real=real)


def measure_generator(run: RunDirectory, options: EvaluationOptions, yardstick: Yardstick, *,
                      average: bool | None = None, step: int | None = None) -> EvaluationResult:
    """Samples of a run's checkpoint by a yardstick; interrupted, the same call goes on where it was."""
    sampler, found, averaged = run.sampler(average=average, step=step)
    facts = GeneratorFacts(step=found, weights="ema" if averaged else "raw", statistics="moving")
    manifest = run.checkpoints().path(found) / "manifest.json"           # it holds the hash of every file of weights
    identity = f"{facts.weights} {hashlib.sha256(manifest.read_bytes()).hexdigest()}"
    images = generated_images(sampler, count=options.n_samples, class_names=run.class_names,
                              resolution=sampler.resolution, seed=options.seed, identity=identity,
                              agreement=yardstick.real.agreement)
    return compare(images, yardstick.real, extractor=yardstick.extractor, options=options, facts=facts)


def measure_from_flags(flags: argparse.Namespace) -> list[EvaluationResult]:
    """What the command line asks for: one result, or one a seed."""
    if not flags.run_dir:
        return [_measure_files(flags)]
    run = RunDirectory.open(flags.run_dir)
    settings = run.experiment()
    options = _options(flags, settings.evaluation or EvaluationOptions())
    yardstick = run_yardstick(run, options, reference=flags.reference or "train", data_dir=flags.data_dir)
    _write_reference(flags, yardstick)
    if flags.images:
        source = settings.data if flags.images == "train" else _validation(settings.data)
        side = settings.spec.resolution
        images = _images(source.open(side), side, settings.transform, options)
        return [compare(images, yardstick.real, extractor=yardstick.extractor, options=options)]
    return [measure_generator(run, dataclasses.replace(options, seed=seed), yardstick, average=flags.average,
                              step=flags.step) for seed in flags.seeds or [options.seed]]


def _measure_files(flags: argparse.Namespace) -> EvaluationResult:
    if not flags.reference or flags.reference in SPLITS:
        raise DataError("--images must be compared with a --reference: a folder, an .npz, or tfds:NAME:SPLIT; "
                        f"received --reference={flags.reference}. Name one.")
    options = _options(flags, EvaluationOptions())
    images, side = open_images(flags.images, resolution=flags.resolution, data_dir=flags.data_dir)
    real, examples = _files(flags.reference, side, options, flags.data_dir)
    yardstick = Yardstick(extractor=_extractor(options, examples, side, Transform()), real=real)
    _write_reference(flags, yardstick)
    return compare(_images(images, side, Transform(), options), real, extractor=yardstick.extractor, options=options)


def _files(path: str, side: int, options: EvaluationOptions,
           data_dir: str | None) -> tuple[ImageSet | KnownMoments, Examples | None]:
    """The real side from a file or folder, and its examples unless it holds moments."""
    if found := read_moments(path):
        return KnownMoments(name=f"moments:{Path(path).name}", moments=found[0], protocol=found[1]), None
    examples = open_images(path, resolution=side, data_dir=data_dir)[0]
    return _images(examples, side, Transform(), options), examples


def _validation(source: Source) -> Source:
    """The same data set's validation images."""
    if not isinstance(source, ImageFolder):
        return dataclasses.replace(source, split="validation")
    found = [split for split in ("val", "valid", "validation") if (Path(source.path) / split).is_dir()]
    if not found:
        raise DataError(f"validation images must lie in a split folder named val; received data={source.path}. "
                        "Make one, or name the images: --reference=FOLDER.")
    return dataclasses.replace(source, split=found[0])


def _options(flags: argparse.Namespace, options: EvaluationOptions) -> EvaluationOptions:
    """The run's options, or the defaults, with what the flags say instead."""
    given = {"extractor": flags.extractor, "inception_location": flags.inception, "n_samples": flags.num,
             "metrics": tuple(flags.metrics.split(",")) if flags.metrics else None, "batch_size": flags.batch_size,
             "allow_few_samples": flags.allow_few_samples or None}
    return dataclasses.replace(options, **{name: value for name, value in given.items() if value is not None})


def _extractor(options: EvaluationOptions, examples: Examples | None, side: int,
               transform: Transform) -> Extractor:
    return choose_extractor(options.extractor, examples=examples, resolution=side, transform=transform,
                            inception_location=options.inception_location)


def _images(examples: Examples, side: int, transform: Transform, options: EvaluationOptions) -> ImageSet:
    return example_images(examples, resolution=side, transform=transform, batch_size=options.batch_size)


def _write_reference(flags: argparse.Namespace, yardstick: Yardstick) -> None:
    if not flags.write_reference:
        return
    extractor = yardstick.extractor
    moments = real_side(yardstick.real, extractor, frozenset({"moments"})).moments
    write_moments(Path(flags.write_reference), moments, protocol={
        "images": yardstick.real.name, "extractor": extractor.name, "extractor_hash": extractor.hash,
        "resize": extractor.resize})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagan_tf.evaluate", description=__doc__)
    parser.add_argument("--run_dir", metavar="RUN", help="measure this run's generator")
    parser.add_argument("--images", metavar="PATH", help="measure these: .npz (arr_0 uint8), folder, tfds:NAME:SPLIT; "
                        "with --run_dir train or validation, a split of its data")
    parser.add_argument("--reference", metavar="PATH", help="the real images: the same kinds, or an .npz of mu and "
                        "sigma; with --run_dir also train (default) or validation")
    parser.add_argument("--extractor", metavar="NAME", help="auto, inception, dataset, or a SavedModel's folder")
    parser.add_argument("--inception", metavar="DIR", help="where the Inception module lies, local or gs://")
    parser.add_argument("--metrics", help="is, fid, kid, pr, ... separated by commas")
    parser.add_argument("--num", type=int, help="generated images")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], metavar="0,1,2",
                        help="measure with each seed; their mean and deviation are reported too")
    parser.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    parser.add_argument("--average", action=argparse.BooleanOptionalAction, default=None,
                        help="the moving average of G, or its raw weights; the average by default if there is one")
    parser.add_argument("--resolution", type=int, help="crop and resize images of files to this side")
    parser.add_argument("--batch_size", type=int, help="images a pass through the extractor")
    parser.add_argument("--allow_few_samples", action="store_true", help="FID of too few images, for debugging only")
    parser.add_argument("--data_dir", metavar="DIR", help="where TFDS keeps its data sets")
    parser.add_argument("--write_reference", metavar="FILE", help="keep the reference's mu and sigma in an .npz")
    parser.add_argument("--out", metavar="FILE", help="append results here; RUN/metrics.jsonl by default")
    parser.add_argument("--table", metavar="NAME", help="lay the results of --run_dirs beside a paper's: sagan_table1, "
                        "...; runs: the --metrics of the runs alone")
    parser.add_argument("--run_dirs", type=lambda text: text.split(","), default=[], metavar="[ROW=]RUN,...",
                        help="evaluated runs for --table; several of a row give mean and deviation")
    parser.add_argument("--json", action="store_true", help="print JSON: the metrics' names as keys, and protocol")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    flags = parser.parse_args(arguments)
    if not (flags.run_dir or flags.images or flags.table):
        parser.error("one of --run_dir, --images and --table is needed")
    if flags.run_dir and flags.images and flags.images not in SPLITS:
        parser.error("--images with --run_dir must be train or validation; to measure files leave --run_dir out")
    try:
        print(_table(flags) if flags.table else _report(flags))
    except (ConfigError, DataError, RunError, CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _table(flags: argparse.Namespace) -> str:
    if flags.table == "runs":
        return runs_table(flags.run_dirs, (flags.metrics or "fid").split(","))
    return paper_table(flags.table, flags.run_dirs)


def _report(flags: argparse.Namespace) -> str:
    results = measure_from_flags(flags)
    out = flags.out or (Path(flags.run_dir) / "metrics.jsonl" if flags.run_dir else None)
    for result in results if out else ():
        result.append_to(Path(out))
    summary = over_seeds(results)
    return json.dumps(summary.record(), indent=1) if flags.json else summary.summary()


if __name__ == "__main__":
    sys.exit(main())
