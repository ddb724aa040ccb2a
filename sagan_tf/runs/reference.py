"""What images are compared with: a run's own data or any other files, and the extractor for both sides."""

import dataclasses
from pathlib import Path
from typing import get_args

from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.array_files import read_moments
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_files import open_images
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments, example_images
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.npz import names_in_npz
from sagan_tf.foundation.option_names import DataSplit
from sagan_tf.runs.run_data import labeled_as_run, training_examples, validation_examples
from sagan_tf.runs.run_directory import RunDirectory

SPLITS = get_args(DataSplit)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """What images are compared with: the real images, and the extractor for both sides."""

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
    """What a run is compared with: a split of its own data, or the images or moments in a file.

    examples: the run's training data, if it is open already. Otherwise it is opened only if it is the reference, or if
      the extractor is trained on it.
    reference: "train", "validation", or the path of a file or folder, whose images are cropped and resized as those of
      the run.

    Raises:
      DataError: if the data or the file can't be read.
      ValueError: if the extractor can't be had.
    """
    settings = run.experiment()
    resolution, transform = settings.spec.resolution, settings.transform
    if reference not in SPLITS and options.extractor not in ("auto", "dataset"):
        return file_reference(reference, options, resolution=resolution, data_dir=data_dir, transform=transform)
    examples = examples or training_examples(run)
    extractor = _extractor(options, examples, resolution, transform)
    if reference in SPLITS:
        of_split = examples if reference == "train" else validation_examples(run)
        real = _images(of_split, resolution, transform, options)
    else:
        real, _ = _file_side(reference, options, resolution, data_dir, transform)
    return Reference(extractor=extractor, real=real)


def file_reference(
    path: str,
    options: EvaluationOptions,
    *,
    resolution: int,
    data_dir: str | None = None,
    transform: Transform | None = None,
) -> Reference:
    """Images or moments of a file or folder, at this resolution. A data set's classifier is trained on the images.

    transform: how images of other sizes are cropped and resized; None: by the default one.

    Raises:
      DataError: if the file can't be read.
      ValueError: if the extractor can't be had.
    """
    transform = transform or Transform()
    real, examples = _file_side(path, options, resolution, data_dir, transform)
    return Reference(extractor=_extractor(options, examples, resolution, transform), real=real)


def split_images(run: RunDirectory, options: EvaluationOptions, split: str) -> ImageSet:
    """A split of a run's own data, "train" or "validation", as images to be measured, with the run's labels.

    Raises:
      DataError: if the data can't be opened, don't have the split, or have a class that the run doesn't know.
    """
    settings = run.experiment()
    examples = labeled_as_run(run) if split == "train" else validation_examples(run)
    return _images(examples, settings.spec.resolution, settings.transform, options)


def file_images(
    path: str, options: EvaluationOptions, *, resolution: int | None = None, data_dir: str | None = None
) -> ImageSet:
    """Images to be measured: an .npz, a folder, or a data set by its name; see `image_files.open_images`."""
    examples, resolution = open_images(path, resolution=resolution, data_dir=data_dir)
    _note(examples)
    return _images(examples, resolution, Transform(), options)


def _file_side(
    path: str, options: EvaluationOptions, resolution: int, data_dir: str | None, transform: Transform
) -> tuple[ImageSet | KnownMoments, Examples | None]:
    """The real images of a file or folder, and its examples (None if it only has moments)."""
    moments = read_moments(path)
    if moments and "arr_0" not in names_in_npz(with_home(path)):
        return KnownMoments(name=f"moments:{Path(path).name}", moments=moments[0], protocol=moments[1]), None
    examples, _ = open_images(path, resolution=resolution, data_dir=data_dir)
    _note(examples)
    images = _images(examples, resolution, transform, options)
    if not moments:
        return images, examples
    name = f"{Path(path).name}: mu and sigma for FID, its {images.count:,} images for the rest"
    return KnownMoments(name=name, moments=moments[0], protocol=moments[1], images=images), examples


def _note(examples: Examples) -> None:
    for text in examples.notes:
        note(text)


def _extractor(
    options: EvaluationOptions, examples: Examples | None, resolution: int, transform: Transform
) -> Extractor:
    return choose_extractor(
        options.extractor,
        examples=examples,
        resolution=resolution,
        transform=transform,
        inception_location=options.inception_location,
    )


def _images(examples: Examples, resolution: int, transform: Transform, options: EvaluationOptions) -> ImageSet:
    return example_images(examples, resolution=resolution, transform=transform, batch_size=options.batch_size)
