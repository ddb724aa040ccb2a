"""One pass over a set of images: through the extractor, into what the metrics need."""

import contextlib

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from sagan_tf.evaluation.collected import Collected, Collector, Part
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet


def collect(images: ImageSet, extractor: Extractor, needs: frozenset[Part], *, title: str,
            progress: bool = True) -> Collected:
    """Runs all images through the extractor once and keeps `needs`.

    Raises ValueError where the set delivers another number of images than it declares: a moved or cut source.
    """
    collector = Collector(needs)
    with progress_bar(images.count, title, progress=progress) as bar:
        for batch, labels in images.batches(0):
            collector.add(batch_parts(images, extractor, needs, batch, labels))
            bar.update(len(batch))
    if collector.count != images.count:
        raise ValueError(f"{images.name} must deliver its {images.count} images; received count={collector.count}. "
                         "Check the source: it changed while it was read.")
    return collector.result()


def batch_parts(images: ImageSet, extractor: Extractor, needs: frozenset[Part], batch: np.ndarray,
                labels: np.ndarray | None) -> dict[Part, np.ndarray]:
    """The needed parts of one batch (B,R,R,3), each with B rows; features stand for the moments too."""
    parts: dict[Part, np.ndarray] = {}
    if needs & {"moments", "features", "logits"}:
        features, logits = extractor(tf.convert_to_tensor(batch, tf.float32))
        parts |= {"features": features.numpy(), "logits": logits.numpy()}
    if "agreement" in needs:
        parts["agreement"] = np.asarray(images.agreement(batch, labels))
    if "labels" in needs:
        parts["labels"] = labels
    return parts


@contextlib.contextmanager
def progress_bar(count: int, title: str, *, progress: bool):
    """A bar in images; silent where standard error is no terminal."""
    with tqdm(total=count, desc=title, unit="image", unit_scale=True, disable=None if progress else True) as bar:
        yield bar
