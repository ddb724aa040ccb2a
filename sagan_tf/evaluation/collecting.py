"""One pass over a set of images: through the extractor, into what the metrics need."""

import contextlib
import pathlib
import time

import numpy as np

from sagan_tf.evaluation.activations import ActivationCollector, Activations, Part
from sagan_tf.evaluation.batched_extractor import BatchedExtractor, in_passes
from sagan_tf.evaluation.cache import content_key, read_arrays, write_arrays
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.foundation import files
from sagan_tf.foundation.files import cache_folder
from sagan_tf.foundation.interruption import Interruption
from sagan_tf.foundation.progress import Progress

SAVING = "Interrupted: saving what was measured so far; interrupt again to leave without saving."


def collect(
    images: ImageSet,
    passes: BatchedExtractor,
    needs: frozenset[Part],
    *,
    title: str,
    save_every_seconds: float = 60,
    progress: bool = True,
) -> Activations:
    """Runs all images through the extractor once and keeps `needs`.

    What was kept so far is saved now and then and on SIGTERM or SIGINT (then KeyboardInterrupt is raised), for images
    that can be told: the same call after an interruption goes on there, and ends with the same bits. Raises ValueError
    where the set delivers another number of images than it declares: a moved or cut source.
    """
    collector = ActivationCollector(needs)
    partial = _partial(images, passes.extractor, needs)
    if partial and (state := read_arrays(partial)):
        collector.restore(state)
    saved, cost = time.monotonic(), 0.0
    with (
        Interruption(SAVING if partial else "") as interruption,
        Progress(total=images.count, initial=collector.count, title=title, unit="image", quiet=not progress) as bar,
    ):
        for batch, labels in in_passes(images.batches(collector.count), passes.size):
            collector.add(batch_parts(images, passes, needs, batch, labels))
            bar.update(len(batch))
            due = time.monotonic() - saved >= save_every_seconds * (1 + cost)
            if partial and (due or interruption.received):
                started = time.monotonic()
                with files.dispensable("the progress of an evaluation (its place is set by SAGAN_TF_CACHE)"):
                    write_arrays(partial, collector.state())
                saved = time.monotonic()
                cost = saved - started  # features of many images take long to write
            if interruption.received:
                raise KeyboardInterrupt(f"stopped after {collector.count} of {images.count} {title}")
    if collector.count != images.count:
        raise ValueError(
            f"{images.name} must deliver its {images.count} images; received count={collector.count}. "
            "Check the source: it changed while it was read."
        )
    if partial:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return collector.result()


def batch_parts(
    images: ImageSet, passes: BatchedExtractor, needs: frozenset[Part], batch: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """What the needed parts of one batch (B,R,R,3) are gathered from, each with B rows."""
    parts: dict[str, np.ndarray] = {}
    if needs & {"moments", "halves", "spread", "features", "logits"}:
        parts["features"], parts["logits"] = passes(batch)
    if "agreement" in needs:
        parts["agreement"] = np.asarray(images.agreement(batch, labels))
    if needs & {"labels", "spread"}:
        parts["labels"] = labels
    if "spread" in needs:
        parts["images"] = batch
    return parts


def _partial(images: ImageSet, extractor: Extractor, needs: frozenset[Part]) -> pathlib.Path | None:
    if images.fingerprint is None:
        return None
    key = content_key(
        images=images.fingerprint,
        count=images.count,
        resolution=images.resolution,
        extractor=extractor.name,
        hash=extractor.hash,
        needs=str(sorted(needs)),
        classes="\n".join(images.class_names),
    )
    return cache_folder("partial") / f"{key}.npz"
