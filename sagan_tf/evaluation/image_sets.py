"""Images to be measured, in a fixed order: a sampler's, a data set's, or anybody's."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np

from sagan_tf.data.pipeline import evaluation_batches
from sagan_tf.data.python_reads import told_plainly
from sagan_tf.data.source import Examples, LabelKind
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.activations import Part


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSet:
    """`count` images of a side `resolution`; `batches(start)` delivers them from image `start` on.

    A batch is (images float32 (B,R,R,3) in [-1,1], labels int32 (B,)). `fingerprint` changes when the images would;
    None where that can't be told, and then nothing of them is kept on disk. `class_names` has one name where there are
    no classes; `label_kind` is as in `Examples`. `agreement` measures far-apart parts, where the data set offers that.
    """

    name: str
    fingerprint: str | None
    count: int
    resolution: int
    class_names: tuple[str, ...]
    batches: Callable[[int], Iterable[tuple[np.ndarray, np.ndarray]]]
    agreement: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    label_kind: LabelKind = "named"

    @property
    def n_images(self) -> int:
        """The same as `count`; moments of a file have a count without images."""
        return self.count

    @property
    def parts(self) -> frozenset[Part]:
        """What can be collected of it by an extractor."""
        known = {"moments", "halves", "spread", "features", "logits", "labels"}
        return frozenset(known | ({"agreement"} if self.agreement else set()))


class Samples(Protocol):
    """What is asked of a sampler: uint8 batches (b,H,W,3) for labels (N,) from image `start` on.

    Image i depends on (seed, i, labels[i]).
    """

    def batches(self, labels: np.ndarray, *, seed: int, start: int) -> Iterator[np.ndarray]: ...


def generated_images(
    make_sampler: Callable[[], Samples],
    *,
    count: int,
    class_names: tuple[str, ...],
    resolution: int,
    seed: int,
    name: str = "samples",
    identity: str | None = None,
    agreement: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> ImageSet:
    """`count` samples with the classes in turn (uniform to within one image), as they would be stored: in uint8.

    SAGAN's released evaluation feeds the generator's floats unquantized; most later tools, and this one, round to
    uint8 first, so that images on disk give the same numbers. The sampler is made when its first image is asked for.
    `identity` tells the generator's very weights and how they are sampled, where that can be told.
    """
    labels = np.arange(count, dtype=np.int32) % len(class_names)
    sampler = functools.cache(make_sampler)

    def batches(start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for images in sampler().batches(labels, seed=seed, start=start):
            yield images.astype(np.float32) / 127.5 - 1, labels[start : start + len(images)]
            start += len(images)

    fingerprint = None if identity is None else f"{identity} seed {seed} resolution {resolution}"
    return ImageSet(
        name=name,
        fingerprint=fingerprint,
        count=count,
        resolution=resolution,
        class_names=class_names,
        batches=batches,
        agreement=agreement,
    )


def example_images(examples: Examples, *, resolution: int, transform: Transform, batch_size: int) -> ImageSet:
    """All images of an opened data set, in its order and by its transform."""

    def batches(start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        whole, rest = divmod(start, batch_size)
        stream = evaluation_batches(examples, resolution=resolution, batch_size=batch_size, transform=transform)
        for images, labels in told_plainly(stream.skip(whole).as_numpy_iterator()):
            yield images[rest:], labels[rest:]
            rest = 0

    return ImageSet(
        name=examples.name,
        fingerprint=f"{examples.fingerprint} {transform!r} {resolution}",
        count=examples.n_examples,
        resolution=resolution,
        class_names=examples.class_names,
        batches=batches,
        agreement=examples.agreement,
        label_kind=examples.label_kind,
    )
