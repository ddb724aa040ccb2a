"""Distances between samples relative to those between real images of the run's data, which are measured once."""

import collections
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sagan_tf.data.pipeline import training_batches
from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import Examples
from sagan_tf.evaluation.spread import mean_squared_distances, shapes
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.pixels import levels
from sagan_tf.monitoring.distances import distances

_MOST_READ = 4096  # real images that are read at most, which takes seconds
_GROUPS = 4  # groups of real images, each as large as the samples of a health record, whose distances are averaged
_BATCH = 64
_ROOM = 256 * 2**20  # bytes of real images that are kept for the case that their classes are used; 4,096 at 128 px fit


@dataclass(frozen=True, kw_only=True)
class ImageDistances:
    """Distances between the images of a set.

    shape: mean squared distance between two shapes of one class (evaluation/spread.py): 2 (1 - their mean correlation).
    within_class, nearest: as in monitoring.distances.
    """

    shape: float
    within_class: float
    nearest: float

    def relative_to(self, real: "ImageDistances") -> dict[str, float]:
        """Each distance divided by that of real images; those that are 0 for real images are left out."""
        return {name: value / vars(real)[name] for name, value in vars(self).items() if vars(real)[name] > 0}


def image_distances(images: np.ndarray, labels: np.ndarray) -> ImageDistances:
    """Measures images (N,R,R,3) uint8 with labels (N,)."""
    _, of_present = np.unique(labels, return_inverse=True)
    shape = mean_squared_distances(shapes(images), of_present)
    plain = distances(images, labels)
    return ImageDistances(shape=float(np.nanmean(shape)), within_class=plain.within_class, nearest=plain.nearest)


def real_distances(settings: Experiment, examples: Examples, labels: np.ndarray) -> ImageDistances | None:
    """Measures real images: the means over groups with as many images per class as `labels` (N,) of the samples.

    The images are the first of a training order. If these hold too few images of the wanted classes, the most frequent
    classes are used instead; None if no class has enough images for one group.

    Memory: the images of the groups, at most 4 N, and 256 MiB of others, which the most frequent classes may need. If
    they need images beyond these, as with many classes at 256 px, the data are read a second time.
    """
    wanted, counts = np.unique(labels, return_counts=True)
    each = int(counts.max())
    images, read = _read(settings, examples, wanted, each * _GROUPS)
    rows = {label: np.flatnonzero(read == label) for label in np.unique(read)}
    chosen = list(wanted)
    if any(len(rows.get(label, ())) < each for label in wanted):
        chosen = sorted(rows, key=lambda label: -len(rows[label]))[: len(wanted)]
    groups = min(_GROUPS, *(len(rows[label]) // each for label in chosen))
    if groups < 1:
        return None
    taken = [
        np.concatenate([rows[label][group * each : (group + 1) * each] for label in chosen]) for group in range(groups)
    ]
    if missing := {*np.concatenate(taken)} - images.keys():
        images |= {row: image for row, image, _ in _rows(settings, examples) if row in missing}
    found = [image_distances(np.stack([images[row] for row in group]), read[group]) for group in taken]
    return ImageDistances(**{name: float(np.mean([vars(one)[name] for one in found])) for name in vars(found[0])})


def _rows(settings: Experiment, examples: Examples) -> Iterator[tuple[int, np.ndarray, int]]:
    """The first rows of a training order, the same at each call: their numbers, images (R,R,3) uint8, and labels."""
    batch_size = min(_BATCH, examples.n_examples)
    batches = training_batches(
        examples,
        resolution=settings.spec.resolution,
        batch_size=batch_size,
        seed=settings.seed,
        transform=settings.transform,
        cache_bytes=0,
    )
    count = -(-min(_MOST_READ, examples.n_examples) // _BATCH)
    numbers = itertools.count()
    for batch, labels in with_plain_errors(batches.take(count).as_numpy_iterator()):
        for image, label in zip(np.rint(levels(batch)).clip(0, 255).astype(np.uint8), labels, strict=True):
            yield next(numbers), image.copy(), label  # not a view, which would keep its whole batch


def _read(
    settings: Experiment, examples: Examples, wanted: Iterable[int], each: int
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Real images by row, and the labels of all rows, read until there are `each` of every wanted class.

    The images of the wanted classes are kept, `each` of every class, and others as long as there is room.
    """
    images, labels, kept = {}, [], collections.Counter()
    wanted, room = {*wanted}, _ROOM
    for row, image, label in _rows(settings, examples):
        labels.append(label)
        if kept[label] < each and (label in wanted or image.nbytes <= room):
            images[row] = image
            kept[label] += 1
            room -= 0 if label in wanted else image.nbytes
        if len(labels) % _BATCH == 0 and all(kept[label] >= each for label in wanted):
            break
    return images, np.array(labels)
