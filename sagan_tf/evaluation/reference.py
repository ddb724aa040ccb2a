"""Activations of the reference, the real side of the metrics, cached by content: a stale file is never used."""

import dataclasses
import pathlib

import numpy as np

from sagan_tf.evaluation.activations import Activations, BatchedExtractor, collect
from sagan_tf.evaluation.cache import content_key, keep_arrays, read_arrays
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet, KnownMoments, Part
from sagan_tf.evaluation.moments import Moments, moments_from_arrays, moments_to_arrays
from sagan_tf.evaluation.spread import Spread, spread_from_arrays, spread_to_arrays
from sagan_tf.foundation.files import cache_folder

VERSION = 1


def reference_activations(
    reference: ImageSet | KnownMoments,
    batched: BatchedExtractor,
    needs: frozenset[Part],
    *,
    progress: bool = True,
) -> Activations:
    """The needed parts of the reference: read if all of them are cached, else computed in one pass and cached.

    The cache's key covers the data's fingerprint, transform, resolution and count, and the extractor's name, hash and
    resize. For all parts but the moments it covers the class names too, which determine the order of the images and
    the meaning of their labels. Images without a fingerprint are measured anew each time.

    Raises:
      ValueError: for known moments that another extractor computed.
    """
    extractor = batched.extractor
    if isinstance(reference, KnownMoments):
        moments = _known_moments(reference, extractor) if "moments" in needs else None
        images, others = reference.images, needs - {"moments"}
        rest = reference_activations(images, batched, others, progress=progress) if images else Activations()
        return dataclasses.replace(rest, moments=moments)
    if not needs:
        return Activations()
    if reference.fingerprint is None:
        return collect(reference, batched, needs, title="real images", progress=progress)
    paths = {part: _path(reference, extractor, part) for part in sorted(needs)}
    cached = {part: read_arrays(path) for part, path in paths.items()}
    if all(arrays is not None for arrays in cached.values()):
        return Activations(**{part: _from_arrays(part, arrays) for part, arrays in cached.items()})
    collected = collect(reference, batched, needs, title="real images", progress=progress)
    for part, path in paths.items():
        arrays = _to_arrays(part, getattr(collected, part), _protocol(reference, extractor))
        keep_arrays(path, arrays, what="the cache of reference statistics")
    return collected


def _known_moments(reference: KnownMoments, extractor: Extractor) -> Moments:
    """The moments of a file, checked to be this extractor's."""
    moments, protocol = reference.moments, reference.protocol
    made_by = protocol.get("extractor_hash", extractor.hash)
    if made_by != extractor.hash or moments.mean.size != extractor.n_features:
        maker = protocol.get("extractor", "unknown")
        raise ValueError(
            f"{reference.name} must hold moments by the extractor {extractor.name} ({extractor.hash}), "
            f"{extractor.n_features} wide; received extractor={maker} ({made_by}), "
            f"width={moments.mean.size}. Measure both sides with the same extractor."
        )
    return moments


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


def _path(images: ImageSet, extractor: Extractor, part: Part) -> pathlib.Path:
    order = {} if part == "moments" else {"classes": "\n".join(images.class_names)}
    return cache_folder("reference") / f"{content_key(part=part, **order, **_protocol(images, extractor))}-{part}.npz"


def _to_arrays(
    part: Part, value: Moments | tuple[Moments, Moments] | Spread | np.ndarray, protocol: dict[str, str | int]
) -> dict[str, np.ndarray]:
    """A part as arrays for a file; moments carry their protocol. `_from_arrays` is the inverse."""
    if part == "moments":
        return moments_to_arrays(value, protocol=protocol)
    if part == "halves":
        return {
            f"{name}_{half}": array
            for half, moments in enumerate(value)
            for name, array in (("count", np.int64(moments.count)), ("mu", moments.mean), ("sigma", moments.covariance))
        }
    return spread_to_arrays(value) if part == "spread" else {part: value}


def _from_arrays(part: Part, arrays: dict[str, np.ndarray]) -> Moments | tuple[Moments, Moments] | Spread | np.ndarray:
    if part == "moments":
        return moments_from_arrays(arrays)[0]
    if part == "halves":
        return tuple(
            moments_from_arrays({name: arrays[f"{name}_{half}"] for name in ("count", "mu", "sigma")})[0]
            for half in (0, 1)
        )
    return spread_from_arrays(arrays) if part == "spread" else arrays[part]
