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
from sagan_tf.run_directory import RunDirectory, RunError
from sagan_tf.training.checkpoints import CheckpointError

SPLITS = ("train", "validation")


def evaluate_images(flags: argparse.Namespace) -> list[EvaluationResult]:
    """--images against --reference, files or data sets both."""
    if not flags.reference or flags.reference in SPLITS:
        raise DataError("--images must be compared with a --reference: a folder, an .npz, or tfds:NAME:SPLIT; "
                        f"received --reference={flags.reference}. Name one.")
    options = _options(flags, EvaluationOptions())
    images, side = open_images(flags.images, resolution=flags.resolution, data_dir=flags.data_dir)
    known, examples = _reference(flags, side)
    extractor = _extractor(options, examples, side, Transform())
    real = known or _side(examples, side, Transform(), options)
    result = compare(_side(images, side, Transform(), options), real, extractor=extractor, options=options)
    _write_reference(flags, real, extractor)
    return [result]


def evaluate_run(flags: argparse.Namespace) -> list[EvaluationResult]:
    """A run's generator, or with --images=train|validation a split of its data, against the run's real images."""
    run = RunDirectory.open(flags.run_dir)
    settings = run.experiment()
    options = _options(flags, settings.evaluation or EvaluationOptions())
    side, transform = settings.spec.resolution, settings.transform
    known, examples = None, None
    if flags.reference and flags.reference not in SPLITS:
        known, examples = _reference(flags, side)
    needs_own = options.extractor in ("auto", "dataset") or not (known or examples)
    own = settings.data.open(side) if needs_own else None
    extractor = _extractor(options, own, side, transform)
    if flags.reference == "validation":
        examples = _split(settings.data, flags.reference).open(side)
    real = known or _side(examples or own, side, transform, options)
    if flags.images:
        images = _side(_split(settings.data, flags.images).open(side), side, transform, options)
        results = [compare(images, real, extractor=extractor, options=options)]
    else:
        results = _measured_seeds(flags, run, real, extractor, options)
    _write_reference(flags, real, extractor)
    return results


def _measured_seeds(flags: argparse.Namespace, run: RunDirectory, real: ImageSet | KnownMoments, extractor: Extractor,
                    options: EvaluationOptions) -> list[EvaluationResult]:
    sampler, step, averaged = run.sampler(average=flags.average, step=flags.step)
    facts = GeneratorFacts(step=step, weights="average" if averaged else "raw", statistics="moving")
    manifest = run.checkpoints().path(step) / "manifest.json"            # it holds the hash of every file of weights
    identity = f"{facts.weights} {hashlib.sha256(manifest.read_bytes()).hexdigest()}"
    results = []
    for seed in flags.seeds or [options.seed]:
        images = generated_images(sampler, count=options.n_samples, class_names=run.class_names,
                                  resolution=sampler.resolution, seed=seed, identity=identity,
                                  agreement=real.agreement)
        seeded = dataclasses.replace(options, seed=seed)
        results.append(compare(images, real, extractor=extractor, options=seeded, facts=facts))
    return results


def _reference(flags: argparse.Namespace, side: int) -> tuple[KnownMoments | None, Examples | None]:
    if found := read_moments(flags.reference):
        moments, protocol = found
        return KnownMoments(name=f"moments:{Path(flags.reference).name}", moments=moments, protocol=protocol), None
    return None, open_images(flags.reference, resolution=side, data_dir=flags.data_dir)[0]


def _split(source: Source, name: str) -> Source:
    """The same data set's other split: "train" as it is named there, or its validation images."""
    if name == "train":
        return source
    if isinstance(source, ImageFolder):
        found = [split for split in ("val", "valid", "validation") if (Path(source.path) / split).is_dir()]
        if not found:
            raise DataError(f"validation images must lie in a split folder named val; received data={source.path}. "
                            "Make one, or name the images: --reference=FOLDER.")
        return dataclasses.replace(source, split=found[0])
    return dataclasses.replace(source, split="validation")


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


def _side(examples: Examples, side: int, transform: Transform, options: EvaluationOptions) -> ImageSet:
    return example_images(examples, resolution=side, transform=transform, batch_size=options.batch_size)


def _write_reference(flags: argparse.Namespace, real: ImageSet | KnownMoments,
                     extractor: Extractor) -> None:
    if flags.write_reference:
        moments = real_side(real, extractor, frozenset({"moments"})).moments
        write_moments(Path(flags.write_reference), moments, protocol={
            "images": real.name, "extractor": extractor.name, "extractor_hash": extractor.hash,
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
    parser.add_argument("--json", action="store_true", help="print JSON: the metrics' names as keys, and protocol")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    flags = parser.parse_args(arguments)
    if not flags.run_dir and not flags.images:
        parser.error("one of --run_dir and --images is needed")
    if flags.run_dir and flags.images and flags.images not in SPLITS:
        parser.error("--images with --run_dir must be train or validation; to measure files leave --run_dir out")
    try:
        results = evaluate_run(flags) if flags.run_dir else evaluate_images(flags)
    except (ConfigError, DataError, RunError, CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    out = flags.out or (Path(flags.run_dir) / "metrics.jsonl" if flags.run_dir else None)
    if out:
        for result in results:
            result.append_to(Path(out))
    summary = over_seeds(results)
    print(json.dumps(summary.record(), indent=1) if flags.json else summary.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
