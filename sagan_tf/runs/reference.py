"""What images are measured by: a run's own data, or files."""

import dataclasses
import sys
from pathlib import Path

from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.array_files import holds, read_moments
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_files import open_images
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments, example_images
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.runs.run_data import training_examples, validation_examples
from sagan_tf.runs.run_directory import RunDirectory

SPLITS = ("train", "validation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """What images are measured by: an extractor, and the real side at hand."""

    extractor: Extractor
    real: ImageSet | KnownMoments


def run_reference(
    run: RunDirectory,
    options: EvaluationOptions,
    *,
    examples: Examples | None = None,
    reference: str = "train",
    data_dir: str | None = None,
) -> Reference:
    """The real side that a run is measured against: a split of its own data, or images or moments of a file.

    examples: the run's training data, if it is open already; else it is opened where it is measured against or
    learned from, and only there.
    """
    settings = run.experiment()
    side, transform = settings.spec.resolution, settings.transform
    if reference not in SPLITS and options.extractor not in ("auto", "dataset"):
        return file_reference(reference, options, side=side, data_dir=data_dir)
    examples = examples or training_examples(run)
    extractor = _extractor(options, examples, side, transform)
    if reference in SPLITS:
        real = _images(examples if reference == "train" else validation_examples(run), side, transform, options)
    else:
        real, _ = _files(reference, options, side, data_dir)
    return Reference(extractor=extractor, real=real)


def file_reference(reference: str, options: EvaluationOptions, *, side: int, data_dir: str | None = None) -> Reference:
    """Images, or moments, of a file or folder at a side; the data set's classifier is learned from the images."""
    real, examples = _files(reference, options, side, data_dir)
    return Reference(extractor=_extractor(options, examples, side, Transform()), real=real)


def split_images(run: RunDirectory, options: EvaluationOptions, split: str) -> ImageSet:
    """A split of a run's own data, "train" or "validation", as images to be measured."""
    settings = run.experiment()
    examples = training_examples(run) if split == "train" else validation_examples(run)
    return _images(examples, settings.spec.resolution, settings.transform, options)


def file_images(
    path: str, options: EvaluationOptions, *, resolution: int | None = None, data_dir: str | None = None
) -> ImageSet:
    """Anybody's images: an .npz, a folder, or `tfds:NAME:SPLIT`, as images to be measured."""
    examples, side = open_images(path, resolution=resolution, data_dir=data_dir)
    _say_notes(examples)
    return _images(examples, side, Transform(), options)


def _files(
    path: str, options: EvaluationOptions, side: int, data_dir: str | None
) -> tuple[ImageSet | KnownMoments, Examples | None]:
    """The real side from a file or folder, and its examples unless it holds moments."""
    moments = read_moments(path)
    if moments and not holds(Path(path).expanduser(), "arr_0"):
        return KnownMoments(name=f"moments:{Path(path).name}", moments=moments[0], protocol=moments[1]), None
    examples, _ = open_images(path, resolution=side, data_dir=data_dir)
    _say_notes(examples)
    images = _images(examples, side, Transform(), options)
    if not moments:
        return images, examples
    name = f"{Path(path).name}: mu and sigma for FID, its {images.count:,} images for the rest"
    return KnownMoments(name=name, moments=moments[0], protocol=moments[1], images=images), examples


def _say_notes(examples: Examples) -> None:
    for note in examples.notes:
        print(note, file=sys.stderr)


def _extractor(options: EvaluationOptions, examples: Examples | None, side: int, transform: Transform) -> Extractor:
    return choose_extractor(
        options.extractor,
        examples=examples,
        resolution=side,
        transform=transform,
        inception_location=options.inception_location,
    )


def _images(examples: Examples, side: int, transform: Transform, options: EvaluationOptions) -> ImageSet:
    return example_images(examples, resolution=side, transform=transform, batch_size=options.batch_size)
