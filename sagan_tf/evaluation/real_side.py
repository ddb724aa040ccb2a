"""The real images' side of the metrics, cached by content, so that no stale file is ever used."""

import numpy as np

from sagan_tf.evaluation.cache import cache_folder, content_key, read_arrays, write_arrays
from sagan_tf.evaluation.collected import Collected, Part
from sagan_tf.evaluation.collecting import collect
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.evaluation.moments import moments_from_arrays, write_moments

VERSION = 1


def real_side(images: ImageSet, extractor: Extractor, needs: frozenset[Part], *, progress: bool = True) -> Collected:
    """The needed parts of the real side: from the cache where all lie there, else computed in one pass and cached.

    The key is over the data's fingerprint, transform, resolution, count, and the extractor's name, hash and resize.
    """
    if not needs:
        return Collected()
    paths = {part: _path(images, extractor, part) for part in sorted(needs)}
    cached = {part: read_arrays(path) for part, path in paths.items()}
    if all(arrays is not None for arrays in cached.values()):
        return Collected(**{part: _part(part, arrays) for part, arrays in cached.items()})
    collected = collect(images, extractor, needs, title="real images", progress=progress)
    for part, path in paths.items():
        if part == "moments":
            write_moments(path, collected.moments, protocol=_protocol(images, extractor))
        else:
            write_arrays(path, {part: getattr(collected, part)})
    return collected


def _protocol(images: ImageSet, extractor: Extractor) -> dict[str, str | int]:
    return {"images": images.name, "fingerprint": images.fingerprint, "count": images.count,
            "resolution": images.resolution, "extractor": extractor.name, "extractor_hash": extractor.hash,
            "resize": extractor.resize, "version": VERSION}


def _path(images: ImageSet, extractor: Extractor, part: Part):
    return cache_folder("reference") / f"{content_key(part=part, **_protocol(images, extractor))}-{part}.npz"


def _part(part: Part, arrays: dict[str, np.ndarray]):
    return moments_from_arrays(arrays)[0] if part == "moments" else arrays[part]
