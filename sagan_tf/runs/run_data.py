"""The data of a run, opened so that labels index the class names that the run has recorded."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sagan_tf.data.class_names import in_order
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.source import DataError, Examples, Source
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.spelling import counted
from sagan_tf.runs.run_directory import RunDirectory


def training_examples(run: RunDirectory, settings: Experiment | None = None) -> Examples:
    """The training data of a run, or of one that is about to begin.

    Classes keep the order that the run has recorded. If the data's classes are no longer those of the run, they have
    their own order; the caller compares the names.

    settings: what describes the data; the run's own by default.

    Raises:
      DataError: if the data can't be opened.
    """
    if settings is None:
        with _remedy_for_moved_data():
            return training_examples(run, run.experiment())
    side = settings.spec.resolution
    recorded = run.class_names if run.exists else ()
    if recorded == in_order(recorded) or set(recorded) != set(settings.data.class_names()):
        return settings.data.open(side)
    return settings.data.open(side, class_names=recorded)


def labeled_as_run(run: RunDirectory) -> Examples:
    """The training data of a run with labels that index its class names, as its networks and names need them.

    Raises:
      DataError: if the data can't be opened, and with both lists for a class that the run doesn't know.
    """
    settings = run.experiment()
    with _remedy_for_moved_data():
        return settings.data.open(settings.spec.resolution, class_names=run.class_names)


def check_count(examples: Examples, batch_size: int) -> None:
    """Refuses data with fewer images than a batch, with which all steps would see the same images.

    Raises:
      DataError: if there are fewer images than `batch_size`.
    """
    count = examples.n_examples
    if count < batch_size:
        raise DataError(
            f"The data must hold a batch of images or more; received {counted(count, 'image')} in {examples.name} and "
            f"train.batch_size={batch_size}. Add images, or lower it: train.batch_size={2 ** (count.bit_length() - 1)}."
        )


def check_outside(flag: str, out: Path | str, source: Source) -> None:
    """Refuses output inside the folder of images, where the next start would find its pictures and folders as data.

    flag: names the output, for the message.

    Raises:
      DataError: if it lies there, unless in a hidden folder or beside the split folder that is read.
    """
    if not isinstance(source, ImageFolder):
        return
    root, place = with_home(source.path).resolve(), Path(out).resolve()
    inside = place.relative_to(root).parts if place.is_relative_to(root) else ()
    elsewhere = source.split is not None and inside[:1] and inside[0].lower() != source.split.lower()
    if inside and not elsewhere and not any(part.startswith(".") for part in inside):
        raise DataError(
            f"{flag} must be outside the folder of images, where the next start would treat it as data; received "
            f"{flag}={out} inside {root}. Name another folder."
        )


def validation_examples(run: RunDirectory) -> Examples:
    """The validation images of a run's data; their classes are matched with the run's by name, and may be fewer.

    Raises:
      DataError: if the data have none, or if they have a class that the run doesn't have; the message lists both.
    """
    settings = run.experiment()
    with _remedy_for_moved_data():
        return settings.data.validation().open(settings.spec.resolution, class_names=run.class_names)


@contextlib.contextmanager
def _remedy_for_moved_data() -> Iterator[None]:
    """Adds advice to the error if the data of a run are no longer at their location."""
    try:
        yield
    except DataError as error:
        raise DataError(
            f"{error} If the run's data have moved, give their new location with --data=FOLDER; evaluate can also "
            "measure against other images, with --reference=FOLDER."
        ) from error
