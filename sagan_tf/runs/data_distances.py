"""Distances between samples relative to those between real images of the run's data, which are measured once."""

from collections.abc import Iterable
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
    found = []
    for group in range(groups):
        taken = np.concatenate([rows[label][group * each : (group + 1) * each] for label in chosen])
        found.append(image_distances(images[taken], read[taken]))
    return ImageDistances(**{name: float(np.mean([vars(one)[name] for one in found])) for name in vars(found[0])})


def _read(settings: Experiment, examples: Examples, wanted: Iterable[int], each: int) -> tuple[np.ndarray, np.ndarray]:
    """Real images as uint8 and their labels, read until there are `each` of every wanted class."""
    batches = training_batches(
        examples,
        resolution=settings.spec.resolution,
        batch_size=min(_BATCH, examples.n_examples),
        seed=settings.seed,
        transform=settings.transform,
        cache_bytes=0,
    )
    images, labels = [], []
    rows = batches.take(-(-min(_MOST_READ, examples.n_examples) // _BATCH)).as_numpy_iterator()
    for batch, of_batch in with_plain_errors(rows):
        images.append(np.rint(levels(batch)).clip(0, 255).astype(np.uint8))
        labels.append(of_batch)
        read = np.concatenate(labels)
        if all((read == label).sum() >= each for label in wanted):
            break
    return np.concatenate(images), np.concatenate(labels)
