"""The training images nearest to samples, to see whether a generator copies (Brock et al. 2018, Figures 10 to 12)."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Neighbors:
    """The k nearest images of N queries, nearest first: images (N,k,R,R,3) in [-1,1], labels and distances (N,k)."""

    images: np.ndarray
    labels: np.ndarray
    distances: np.ndarray


Space = Callable[[np.ndarray], np.ndarray]


def pixels(images: np.ndarray) -> np.ndarray:
    """Images (B,R,R,3) as vectors (B,F) whose squared distance is the mean squared difference of pixel values."""
    return images.reshape(len(images), -1) / np.sqrt(images[0].size)


def nearest(
    queries: np.ndarray, batches: Iterable[tuple[np.ndarray, np.ndarray]], count: int, spaces: dict[str, Space]
) -> dict[str, Neighbors]:
    """The `count` nearest images to each query in every space, by Euclidean distance, in one pass over the images.

    queries: images (N,R,R,3). batches: of (images (B,R,R,3), labels (B,)). spaces: images (B,R,R,3) -> vectors (B,F).

    Raises:
      ValueError: if there are fewer than `count` images.
    """
    found = {name: _Nearest(to_vectors, queries, count) for name, to_vectors in spaces.items()}
    for images, labels in batches:
        for one in found.values():
            one.add(images, labels)
    return {name: one.result() for name, one in found.items()}


class _Nearest:
    """The nearest images so far in one space."""

    def __init__(self, to_vectors: Space, queries: np.ndarray, count: int):
        self._to_vectors = to_vectors
        self._queries = np.asarray(to_vectors(queries), np.float64)
        self._count = count
        n, *shape = queries.shape
        self._images = np.zeros([n, 0, *shape], np.float32)
        self._labels = np.zeros([n, 0], np.int64)
        self._distances = np.zeros([n, 0])

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        vectors = np.asarray(self._to_vectors(images), np.float64)
        squares = (self._queries**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * self._queries @ vectors.T
        new = np.sqrt(np.maximum(squares, 0))
        best = np.argsort(new, axis=1, kind="stable")[:, : self._count]
        distances = np.concatenate([self._distances, np.take_along_axis(new, best, 1)], 1)
        order = np.argsort(distances, axis=1, kind="stable")[:, : self._count]
        self._distances = np.take_along_axis(distances, order, 1)
        self._labels = np.take_along_axis(np.concatenate([self._labels, labels[best]], 1), order, 1)
        rows = np.arange(len(order))[:, None]
        self._images = np.concatenate([self._images, images[best]], 1)[rows, order]

    def result(self) -> Neighbors:
        if self._distances.shape[1] < self._count:
            raise ValueError(
                f"there must be {self._count} images to search; received {self._distances.shape[1]}. "
                "Request fewer neighbors."
            )
        return Neighbors(images=self._images, labels=self._labels, distances=self._distances)
