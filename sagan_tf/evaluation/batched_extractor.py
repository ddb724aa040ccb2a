"""Images through an extractor in passes of one fixed size, on one device or shared by a strategy's replicas."""

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from sagan_tf.evaluation.features import Extractor


class BatchedExtractor:
    """Calls an extractor with exactly `batch_size` images a replica, the last ones padded.

    So an image's features don't depend on how the images came in batches, where they were interrupted, or on how many
    replicas share them. `size`: images a call, over all replicas. strategy: the current one by default; its replicas
    must all be this process's.
    """

    def __init__(self, extractor: Extractor, *, batch_size: int, strategy: tf.distribute.Strategy | None = None):
        self.extractor = extractor
        strategy = strategy or tf.distribute.get_strategy()
        self.size = batch_size * strategy.num_replicas_in_sync

        @tf.function
        def run(images):
            def on_replica():
                first = tf.distribute.get_replica_context().replica_id_in_sync_group * batch_size
                own = tf.ensure_shape(images[first : first + batch_size], [batch_size, *images.shape[1:]])
                return extractor(own)

            parts = strategy.run(on_replica)
            return tuple(tf.concat(strategy.experimental_local_results(part), 0) for part in parts)

        self._run = run

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images (B,R,R,3) in [-1,1], B at most `size` -> features (B,F), logits (B,K)."""
        padding = [(0, self.size - len(images)), (0, 0), (0, 0), (0, 0)]
        features, logits = self._run(tf.constant(np.pad(images, padding), tf.float32))
        if len(features) != self.size:
            raise ValueError(
                f"a pass must come back whole; received images={len(features)} of {self.size}. Evaluate "
                "on the devices of one process: --strategy=mirrored."
            )
        return features.numpy()[: len(images)], logits.numpy()[: len(images)]


def in_passes(batches: Iterable[tuple[np.ndarray, np.ndarray]], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same images and labels in batches of `size`, the last one partial."""
    images, labels = [], []
    for more_images, more_labels in batches:
        images.append(more_images)
        labels.append(more_labels)
        if sum(map(len, labels)) >= size:
            whole, tags = np.concatenate(images), np.concatenate(labels)
            full = len(tags) // size * size
            for start in range(0, full, size):
                yield whole[start : start + size], tags[start : start + size]
            images, labels = [whole[full:]], [tags[full:]]
    if sum(map(len, labels)):
        yield np.concatenate(images), np.concatenate(labels)
