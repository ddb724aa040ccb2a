"""One streaming pass over a set of images, through the extractor, that collects what the chosen metrics need.

`collect` is the entry point. `BatchedExtractor` runs the network, `ActivationCollector` accumulates its outputs, and
`Activations` is what the metrics read.

Letters of shapes: B images per batch, N images in all, R pixels per side, F features, K logits or classes.
"""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from sagan_tf.evaluation.cache import content_key, read_arrays
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.image_sets import ImageSet, Part
from sagan_tf.evaluation.moments import Moments, StreamingMoments
from sagan_tf.evaluation.rows import check_finite
from sagan_tf.evaluation.spread import Spread, StreamingSpread
from sagan_tf.foundation import files
from sagan_tf.foundation.files import cache_folder
from sagan_tf.foundation.interruption import Interruption
from sagan_tf.foundation.npz import write_npz
from sagan_tf.foundation.progress import Progress

SAVING = "Interrupted: saving what was measured so far; interrupt again to exit without saving."
# Parts that keep a row per image, and the types of these rows.
ROW_TYPES = {"features": np.float32, "logits": np.float32, "labels": np.int32, "agreement": np.float64}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Activations:
    """One set of images as the metrics see it; parts that no metric needs are None.

    moments: mean and covariance of all features. halves: the same of two disjoint halves of the images.
    spread: what the variety within classes is computed from.
    Per image, in the order of the images: features (N,F) float32; logits (N,K) float32; labels (N,) int32; agreement
    (N,) float64 in [0,1], NaN for images whose class doesn't define it.
    """

    moments: Moments | None = None
    halves: tuple[Moments, Moments] | None = None
    spread: Spread | None = None
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    agreement: np.ndarray | None = None


def collect(
    images: ImageSet,
    batched: "BatchedExtractor",
    needs: frozenset[Part],
    *,
    title: str,
    save_every_seconds: float = 60,
    progress: bool = True,
) -> Activations:
    """Runs all images through the extractor once and keeps the parts in `needs`.

    If the image set has a fingerprint, progress is saved periodically and on SIGTERM or SIGINT, and the same call
    resumes there later with bit-identical results.

    Raises:
      KeyboardInterrupt: on SIGTERM or SIGINT, after progress was saved.
      ValueError: if the set delivers another number of images than it declares: its source was moved or truncated.
    """
    collector = ActivationCollector(needs)
    partial = _partial_path(images, batched.extractor, needs)
    if partial and (state := read_arrays(partial)):
        collector.restore(state)
    last_save, save_seconds = time.monotonic(), 0.0
    with (
        Interruption(SAVING if partial else "") as interruption,
        Progress(total=images.count, initial=collector.count, title=title, unit="image", quiet=not progress) as bar,
    ):
        for batch, labels in rebatched(images.batches(collector.count), batched.size):
            collector.add(_batch_parts(images, batched, needs, batch, labels))
            bar.update(len(batch))
            # The interval grows with the duration of a save: features of many images take long to write.
            is_due = time.monotonic() - last_save >= save_every_seconds * (1 + save_seconds)
            if partial and (is_due or interruption.received):
                started = time.monotonic()
                with files.dispensable("the progress of an evaluation (its location is set by SAGAN_TF_CACHE)"):
                    write_npz(partial, collector.state(), durable=True)
                last_save = time.monotonic()
                save_seconds = last_save - started
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


def _batch_parts(
    images: ImageSet, batched: "BatchedExtractor", needs: frozenset[Part], batch: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """What the collector reads of one batch of images (B,R,R,3) to gather the needed parts; B rows each."""
    parts: dict[str, np.ndarray] = {}
    if needs & {"moments", "halves", "spread", "features", "logits"}:
        parts["features"], parts["logits"] = batched(batch)
    if "agreement" in needs:
        parts["agreement"] = np.asarray(images.agreement(batch, labels))
    if needs & {"labels", "spread"}:
        parts["labels"] = labels
    if "spread" in needs:
        parts["images"] = batch
    return parts


def _partial_path(images: ImageSet, extractor: Extractor, needs: frozenset[Part]) -> pathlib.Path | None:
    """Where the progress of exactly this pass is saved; None for images that can't be identified."""
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


class ActivationCollector:
    """Accumulates the needed parts batch by batch."""

    def __init__(self, needs: frozenset[Part]):
        self.count = 0
        self._moments: dict[str, StreamingMoments | None] = {}
        self._moments |= {"moments": None} if "moments" in needs else {}
        self._moments |= {"half_0": None, "half_1": None} if "halves" in needs else {}
        self._spread = StreamingSpread() if "spread" in needs else None
        self._rows: dict[Part, list[np.ndarray]] = {part: [] for part in sorted(needs & set(ROW_TYPES))}

    def add(self, batch: dict[str, np.ndarray]) -> None:
        """Adds one batch, B rows per part. Moments read "features"; spread reads "images" and "labels" too."""
        size = len(next(iter(batch.values())))
        for name in self._moments:
            rows = batch["features"]
            rows = rows if name == "moments" else rows[_half(self.count, size) == int(name[-1])]
            self._moments[name] = self._moments[name] or StreamingMoments(rows.shape[1])
            self._moments[name].add(rows)
        if self._spread is not None:
            self._spread.add(batch["images"], batch["features"], batch["labels"])
        for part, rows in self._rows.items():
            rows.append(np.asarray(batch[part], ROW_TYPES[part]))
        self.count += size

    def result(self) -> Activations:
        """Everything collected so far."""
        moments = {name: streaming.result() for name, streaming in self._moments.items() if streaming}
        return Activations(
            moments=moments.get("moments"),
            halves=(moments["half_0"], moments["half_1"]) if "half_0" in moments else None,
            spread=self._spread.result() if self._spread else None,
            **{part: np.concatenate(rows) for part, rows in self._rows.items()},
        )

    def state(self) -> dict[str, np.ndarray]:
        """The whole state as arrays, from which an interrupted evaluation resumes."""
        states = {name: streaming.state() for name, streaming in self._moments.items() if streaming}
        states |= {"spread": self._spread.state()} if self._spread else {}
        arrays = {f"{name}/{key}": value for name, state in states.items() for key, value in state.items()}
        rows = {f"rows/{part}": np.concatenate(rows) for part, rows in self._rows.items() if rows}
        return {"images": np.int64(self.count), **arrays, **rows}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continues, bit for bit, from the `state()` of a collector with the same needs."""
        self.count = int(state["images"])
        for name in self._moments:
            if arrays := _with_prefix(name, state):
                self._moments[name] = StreamingMoments.from_state(arrays)
        if self._spread and (arrays := _with_prefix("spread", state)):
            self._spread = StreamingSpread.from_state(arrays)
        for part in self._rows:
            self._rows[part] = [state[f"rows/{part}"]]


def _half(first: int, count: int) -> np.ndarray:
    """The half, 0 or 1, that each of `count` images from index `first` on belongs to: (count,).

    Multiples of the golden ratio modulo 1 are uniform over the unit interval, and so is every arithmetic subsequence
    of them: both halves have every class in equal shares, whatever order the classes come in.
    """
    golden = (np.sqrt(5.0) - 1) / 2
    return (np.arange(first, first + count) * golden % 1 >= 0.5).astype(int)


def _with_prefix(name: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}/"): value for key, value in state.items() if key.startswith(f"{name}/")}


class BatchedExtractor:
    """Calls an extractor with exactly `batch_size` images per replica; the last batch is padded.

    An image's features then don't depend on how the images are batched, on where a pass was interrupted, or on how many
    replicas share it. `size`: images per call, over all replicas. strategy: the current one by default; all of its
    replicas must belong to this process.
    """

    def __init__(self, extractor: Extractor, *, batch_size: int, strategy: tf.distribute.Strategy | None = None):
        self.extractor = extractor
        strategy = strategy or tf.distribute.get_strategy()
        self.size = batch_size * strategy.num_replicas_in_sync

        @tf.function
        def run(images):
            def on_replica():
                first = tf.distribute.get_replica_context().replica_id_in_sync_group * batch_size
                share = tf.ensure_shape(images[first : first + batch_size], [batch_size, *images.shape[1:]])
                return extractor(share)

            outputs = strategy.run(on_replica)
            return tuple(tf.concat(strategy.experimental_local_results(output), 0) for output in outputs)

        self._run = run

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images (B,R,R,3) in [-1,1], B at most `size` -> features (B,F), logits (B,K)."""
        padding = [(0, self.size - len(images)), (0, 0), (0, 0), (0, 0)]
        features, logits = self._run(tf.constant(np.pad(images, padding), tf.float32))
        if len(features) != self.size:
            raise ValueError(
                f"a batch must come back whole; received images={len(features)} of {self.size}. Evaluate "
                "on the devices of one process: --strategy=mirrored."
            )
        rows = features.numpy()[: len(images)], logits.numpy()[: len(images)]
        check_finite(*rows, what=f"outputs of {self.extractor.name}")
        return rows


def rebatched(batches: Iterable[tuple[np.ndarray, np.ndarray]], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same images and labels in batches of `size`; the last one may be smaller."""
    images, labels = [], []
    for more_images, more_labels in batches:
        images.append(more_images)
        labels.append(more_labels)
        if sum(map(len, labels)) >= size:
            joined_images, joined_labels = np.concatenate(images), np.concatenate(labels)
            full = len(joined_labels) // size * size
            for start in range(0, full, size):
                yield joined_images[start : start + size], joined_labels[start : start + size]
            images, labels = [joined_images[full:]], [joined_labels[full:]]
    if sum(map(len, labels)):
        yield np.concatenate(images), np.concatenate(labels)
