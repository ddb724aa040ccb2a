"""The two sides of a comparison: images in a fixed order, or the known moments of a reference.

Images may come from a sampler, a data set, or files. Letters of shapes: B images per batch, R pixels per side.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import numpy as np

from sagan_tf.data.pipeline import evaluation_batches
from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import Examples, LabelKind
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.cache import array_hash
from sagan_tf.evaluation.moments import Moments
from sagan_tf.foundation.pixels import normalized

# What can be collected about a set of images (see activations.Activations) and required by a metric.
Part = Literal["moments", "halves", "spread", "features", "logits", "labels", "agreement"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSet:
    """`count` images of `resolution` pixels per side, in a fixed order.

    fingerprint: changes when the images would; None if that can't be known; nothing about them is then cached.
    class_names: a single name if there are no classes. label_kind: as in `Examples`.
    batches: `batches(start)` yields (images float32 (B,R,R,3) in [-1,1], labels int32 (B,)) from image `start` on.
    agreement: (images, labels) -> (B,), how well distant parts of each image agree, if the data set measures that.
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
        """The same as `count`; known moments have a count without images."""
        return self.count

    @property
    def parts(self) -> frozenset[Part]:
        """The parts that can be collected of these images."""
        known = {"moments", "halves", "spread", "features", "logits", "labels"}
        return frozenset(known | ({"agreement"} if self.agreement else set()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownMoments:
    """Moments from a file in place of real images.

    protocol: how they were measured, as far as the file says. A file of this package names its extractor; for moments
      from another tool, the user must know.
    images: images that are stored with the moments in the same file, if any. FID then uses the moments, which are
      usually those of the whole data set, and every other metric uses the images.
    """

    name: str
    moments: Moments
    protocol: dict
    images: ImageSet | None = None

    agreement = None

    @property
    def parts(self) -> frozenset[Part]:
        """The parts that are known or can be collected."""
        return frozenset({"moments"}) | (self.images.parts if self.images else frozenset())

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the images; empty without images."""
        return self.images.class_names if self.images else ()

    @property
    def label_kind(self) -> LabelKind:
        """That of the images; "none" without images."""
        return self.images.label_kind if self.images else "none"

    @property
    def count(self) -> int | None:
        """How many images the moments were computed from; None if the file doesn't say."""
        return self.moments.count

    @property
    def n_images(self) -> int:
        """How many images are stored with the moments."""
        return self.images.count if self.images else 0

    @property
    def fingerprint(self) -> str:
        """Changes with the moments, and with the images stored with them."""
        own = array_hash({"mu": self.moments.mean, "sigma": self.moments.covariance})
        return own if self.images is None else f"{own} {self.images.fingerprint}"


class Samples(Protocol):
    """What generated images require of a sampler: uint8 batches (B,R,R,3) for labels (N,), from image `start` on.

    Image i depends on (seed, i, labels[i]) alone.
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
    label_kind: LabelKind = "named",
) -> ImageSet:
    """`count` samples, quantized to uint8 as stored images are; image i has class i modulo the number of classes.

    SAGAN's released evaluation feeds the generator's floats unquantized. Most later tools round to uint8 first, as is
    done here, so that images on disk give the same numbers.

    make_sampler: called when the first image is requested.
    identity: identifies the generator's weights and how they are sampled; None if that can't be known.
    """
    labels = np.arange(count, dtype=np.int32) % len(class_names)
    sampler = functools.cache(make_sampler)

    def batches(start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for images in sampler().batches(labels, seed=seed, start=start):
            yield normalized(images.astype(np.float32)), labels[start : start + len(images)]
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
        label_kind=label_kind,
    )


def example_images(examples: Examples, *, resolution: int, transform: Transform, batch_size: int) -> ImageSet:
    """All images of an opened data set, in its order and after its transform."""

    def batches(start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        n_skipped, offset = divmod(start, batch_size)
        stream = evaluation_batches(examples, resolution=resolution, batch_size=batch_size, transform=transform)
        for images, labels in with_plain_errors(stream.skip(n_skipped).as_numpy_iterator()):
            yield images[offset:], labels[offset:]
            offset = 0

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
