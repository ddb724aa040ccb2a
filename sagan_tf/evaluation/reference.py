"""The real images' side of the metrics, cached by content, so that no stale file is ever used."""

import dataclasses

import numpy as np

from sagan_tf.data.source import LabelKind
from sagan_tf.evaluation.activations import Activations, Part
from sagan_tf.evaluation.batched_extractor import BatchedExtractor
from sagan_tf.evaluation.cache import array_hash, content_key, keep_arrays, read_arrays
from sagan_tf.evaluation.collecting import collect
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.evaluation.moments import Moments, moments_from_arrays, moments_to_arrays
from sagan_tf.evaluation.spread import spread_from_arrays, spread_to_arrays
from sagan_tf.foundation.files import cache_folder

VERSION = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownMoments:
    """Moments from a file in place of real images: of `count` images (None: not said), by `protocol` (may be empty).

    A file of this code tells its extractor; another tool's is taken at its user's word. `images` are those that lie
    beside the moments in the same file, if any: FID takes the moments, which are of the whole data set as a rule, and
    all other metrics the images.
    """

    name: str
    moments: Moments
    protocol: dict
    images: ImageSet | None = None

    agreement = None

    @property
    def parts(self) -> frozenset[Part]:
        """What can be collected of it."""
        return frozenset({"moments"}) | (self.images.parts if self.images else frozenset())

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the images, if there are any."""
        return self.images.class_names if self.images else ()

    @property
    def label_kind(self) -> LabelKind:
        """That of the images, if there are any."""
        return self.images.label_kind if self.images else "none"

    @property
    def count(self) -> int | None:
        return self.moments.count

    @property
    def n_images(self) -> int:
        """How many images lie beside the moments."""
        return self.images.count if self.images else 0

    @property
    def fingerprint(self) -> str:
        own = array_hash({"mu": self.moments.mean, "sigma": self.moments.covariance})
        return own if self.images is None else f"{own} {self.images.fingerprint}"

    def checked(self, extractor: Extractor) -> Activations:
        """The moments; raises ValueError where another extractor made them."""
        made_by = self.protocol.get("extractor_hash", extractor.hash)
        if made_by != extractor.hash or self.moments.mean.size != extractor.n_features:
            maker = self.protocol.get("extractor", "unknown")
            raise ValueError(
                f"{self.name} must hold moments by the extractor {extractor.name} ({extractor.hash}), "
                f"{extractor.n_features} wide; received extractor={maker} ({made_by}), "
                f"width={self.moments.mean.size}. Measure both sides by one extractor."
            )
        return Activations(moments=self.moments)


def real_side(
    images: ImageSet | KnownMoments, passes: BatchedExtractor, needs: frozenset[Part], *, progress: bool = True
) -> Activations:
    """The needed parts of the real side: from the cache where all lie there, else computed in one pass and cached.

    The key is over the data's fingerprint, transform, resolution, count, and the extractor's name, hash and resize; for
    all but the moments also over the class names, whose order is that of the images and the meaning of their labels.
    """
    extractor = passes.extractor
    if isinstance(images, KnownMoments):
        moments = images.checked(extractor).moments if "moments" in needs else None
        beside, others = images.images, needs - {"moments"}
        rest = real_side(beside, passes, others, progress=progress) if beside else Activations()
        return dataclasses.replace(rest, moments=moments)
    if not needs:
        return Activations()
    paths = {part: _path(images, extractor, part) for part in sorted(needs)}
    cached = {part: read_arrays(path) for part, path in paths.items()}
    if all(arrays is not None for arrays in cached.values()):
        return Activations(**{part: _part(part, arrays) for part, arrays in cached.items()})
    collected = collect(images, passes, needs, title="real images", progress=progress)
    for part, path in paths.items():
        if part == "moments":
            arrays = moments_to_arrays(collected.moments, protocol=_protocol(images, extractor))
        else:
            arrays = _arrays(part, getattr(collected, part))
        keep_arrays(path, arrays, what="the cache of reference statistics")
    return collected


def _protocol(images: ImageSet, extractor: Extractor) -> dict[str, str | int]:
    return {
        "images": images.name,
        "fingerprint": images.fingerprint,
        "count": images.count,
        "resolution": images.resolution,
        "extractor": extractor.name,
        "extractor_hash": extractor.hash,
        "resize": extractor.resize,
        "version": VERSION,
    }


def _path(images: ImageSet, extractor: Extractor, part: Part):
    order = {} if part == "moments" else {"classes": "\n".join(images.class_names)}
    return cache_folder("reference") / f"{content_key(part=part, **order, **_protocol(images, extractor))}-{part}.npz"


def _arrays(part: Part, value) -> dict[str, np.ndarray]:
    """A part other than the moments as arrays for a file; `_part` is its inverse."""
    if part == "halves":
        return {
            f"{name}_{half}": array
            for half, moments in enumerate(value)
            for name, array in (("count", np.int64(moments.count)), ("mu", moments.mean), ("sigma", moments.covariance))
        }
    return spread_to_arrays(value) if part == "spread" else {part: value}


def _part(part: Part, arrays: dict[str, np.ndarray]):
    if part == "moments":
        return moments_from_arrays(arrays)[0]
    if part == "halves":
        return tuple(
            moments_from_arrays({name: arrays[f"{name}_{half}"] for name in ("count", "mu", "sigma")})[0]
            for half in (0, 1)
        )
    return spread_from_arrays(arrays) if part == "spread" else arrays[part]
