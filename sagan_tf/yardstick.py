"""What images are measured by: a run's own data, or files; and a run's generator measured so."""

import dataclasses
import hashlib
from pathlib import Path

import tensorflow as tf

from sagan_tf.data.image_folder import ImageFolder
from sagan_tf.data.source import DataError, Examples, Source
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.evaluator import EvaluationOptions, compare
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_files import open_images, read_moments
from sagan_tf.evaluation.image_sets import ImageSet, example_images, generated_images
from sagan_tf.evaluation.memorization import share_called_real
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts
from sagan_tf.evaluation.real_side import KnownMoments
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.run_directory import RunDirectory

SPLITS = ("train", "validation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What images are measured by: an extractor, and the real side at hand."""

    extractor: Extractor
    real: ImageSet | KnownMoments


def run_yardstick(run: RunDirectory, options: EvaluationOptions, *, examples: Examples | None = None,
                  reference: str = "train", data_dir: str | None = None) -> Yardstick:
    """The real side that a run is measured against: a split of its own data, or images or moments of a file.

    examples: the run's training data, if it is open already; else it is opened where it is measured against or
    learned from, and only there.
    """
    settings = run.experiment()
    side, transform = settings.spec.resolution, settings.transform
    if reference not in SPLITS and options.extractor not in ("auto", "dataset"):
        return file_yardstick(reference, options, side=side, data_dir=data_dir)
    examples = examples or settings.data.open(side)
    extractor = _extractor(options, examples, side, transform)
    if reference in SPLITS:
        real = _images(examples if reference == "train" else _validation(settings.data).open(side), side, transform,
                       options)
    else:
        real, _ = _files(reference, options, side, data_dir)
    return Yardstick(extractor=extractor, real=real)


def file_yardstick(reference: str, options: EvaluationOptions, *, side: int, data_dir: str | None = None) -> Yardstick:
    """Images, or moments, of a file or folder at a side; the data set's classifier is learned from the images."""
    real, examples = _files(reference, options, side, data_dir)
    return Yardstick(extractor=_extractor(options, examples, side, Transform()), real=real)


def split_images(run: RunDirectory, options: EvaluationOptions, split: str) -> ImageSet:
    """A split of a run's own data, "train" or "validation", as images to be measured."""
    settings = run.experiment()
    source = settings.data if split == "train" else _validation(settings.data)
    side = settings.spec.resolution
    return _images(source.open(side), side, settings.transform, options)


def file_images(path: str, options: EvaluationOptions, *, resolution: int | None = None,
                data_dir: str | None = None) -> ImageSet:
    """Anybody's images: an .npz, a folder, or `tfds:NAME:SPLIT`, as images to be measured."""
    examples, side = open_images(path, resolution=resolution, data_dir=data_dir)
    return _images(examples, side, Transform(), options)


def measure_generator(run: RunDirectory, options: EvaluationOptions, yardstick: Yardstick, *,
                      average: bool | None = None, step: int | None = None) -> EvaluationResult:
    """Samples of a run's checkpoint by a yardstick; interrupted, the same call goes on where it was."""
    sampler, found, averaged = run.sampler(average=average, step=step)
    facts = GeneratorFacts(step=found, weights="ema" if averaged else "raw", statistics="moving")
    identity = f"{facts.weights} {_weights_hash(run, found)}"
    images = generated_images(sampler, count=options.n_samples, class_names=run.class_names,
                              resolution=sampler.resolution, seed=options.seed, identity=identity,
                              agreement=yardstick.real.agreement)
    return compare(images, yardstick.real, extractor=yardstick.extractor, options=options, facts=facts)


def measure_memorization(run: RunDirectory, options: EvaluationOptions, *, step: int | None = None) -> EvaluationResult:
    """The shares of a run's training and validation images that its discriminator calls real.

    Raises RunError where the run has no checkpoint (of that step).
    """
    discriminator, found = _discriminator(run, step)

    @tf.function(reduce_retracing=True)
    def logits(images, labels):
        return discriminator(images, labels, training=False).logits

    sets = {split: split_images(run, options, split) for split in SPLITS}
    shares = {f"{split}_called_real": share_called_real(lambda x, y: logits(x, y).numpy(), images)
              for split, images in sets.items()}
    protocol = {"extractor": "discriminator", "extractor_hash": _weights_hash(run, found), "extractor_note": "",
                "images": sets["validation"].name, "n_generated": sets["validation"].count,
                "reference": sets["train"].name, "n_real": sets["train"].count, "seed": None, "step": found}
    return EvaluationResult(metrics=shares, protocol=protocol)


def _discriminator(run: RunDirectory, step: int | None) -> tuple[Discriminator, int]:
    discriminator = Discriminator(run.spec(), numerics=run.experiment().numerics)
    return discriminator, run.restore(discriminator, "discriminator", step)


def _weights_hash(run: RunDirectory, step: int) -> str:
    """The hash of a checkpoint's manifest, which holds the hash of every file of weights."""
    return hashlib.sha256((run.checkpoints().path(step) / "manifest.json").read_bytes()).hexdigest()[:16]


def _files(path: str, options: EvaluationOptions, side: int,
           data_dir: str | None) -> tuple[ImageSet | KnownMoments, Examples | None]:
    """The real side from a file or folder, and its examples unless it holds moments."""
    if found := read_moments(path):
        return KnownMoments(name=f"moments:{Path(path).name}", moments=found[0], protocol=found[1]), None
    examples, _ = open_images(path, resolution=side, data_dir=data_dir)
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


def _extractor(options: EvaluationOptions, examples: Examples | None, side: int, transform: Transform) -> Extractor:
    return choose_extractor(options.extractor, examples=examples, resolution=side, transform=transform,
                            inception_location=options.inception_location)


def _images(examples: Examples, side: int, transform: Transform, options: EvaluationOptions) -> ImageSet:
    return example_images(examples, resolution=side, transform=transform, batch_size=options.batch_size)
