"""Statistics per class from which the variety within classes is computed, accumulated batch by batch.

For each class: sums of shapes and of features, and its first few shapes.
Letters of shapes: N images, B of them per batch, R pixels per side, K classes, F features, P cells of a shape.
"""

import dataclasses

import numpy as np

CELLS = 32  # per side, at least, for images of so many pixels: finer detail does not count as shape
KEPT = 50  # shapes per class that are compared pairwise; the 50,000 samples of SAGAN's protocol have 50 per class
_ROUNDING = 1e-12  # of n sum |x|^2: smaller differences from |sum x|^2 are those of equal rows
_BLANK = 1e-4  # standard deviation below which a gray image in [-1,1] counts as blank


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums over the rows x of each class: counts (K,), sums of x (K,F), and sums of |x|^2 (K,)."""

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray

    def mean_squared_distances(self) -> np.ndarray:
        """The mean squared distance of two distinct rows per class: (K,), NaN for a class with fewer than two rows.

        For n rows it is 2 (n sum |x|^2 - |sum x|^2) / (n (n - 1)); exactly 0 for equal rows.
        """
        counts = self.counts.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = counts * self.squares
            scatter = whole - (self.sums**2).sum(axis=1)
            return 2 * np.where(scatter > _ROUNDING * whole, scatter, 0) / (counts * (counts - 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """A set of images by class: sums of shapes and of features, and in `kept` (K,50,P) each class's first 50 shapes."""

    shape: Sums
    feature: Sums
    kept: np.ndarray

    def reordered(self, indices: np.ndarray) -> "Spread":
        """The same with class k at index `indices[k]`; classes that no index maps to are empty."""

        def moved(rows: np.ndarray) -> np.ndarray:
            target = np.zeros((int(indices.max()) + 1, *rows.shape[1:]), rows.dtype)
            target[indices[: len(rows)]] = rows
            return target

        arrays = {name: moved(rows) for name, rows in spread_to_arrays(self).items()}
        return spread_from_arrays(arrays)


def shapes(images: np.ndarray) -> np.ndarray:
    """The shape that each image shows, independent of hue, brightness and contrast: (N,R,R,3) -> (N,P) float32.

    It is the mean of the channels, averaged over cells of R // 32 pixels per side (so that there are 32 to 63 cells per
    side; pixels beyond the last whole cell are left out), centered and scaled to unit length. The inner product of two
    shapes is then the correlation of the gray images, and their squared distance 2 (1 - correlation).
    A uniformly gray image has no shape and gives zeros.
    """
    gray = np.asarray(images, np.float32).mean(axis=-1)
    block = max(1, gray.shape[1] // CELLS)
    side = gray.shape[1] // block
    gray = gray[:, : side * block, : side * block].reshape(-1, side, block, side, block).mean(axis=(2, 4))
    flat = gray.reshape(len(gray), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    visible = norms > _BLANK * side
    return np.where(visible, flat / np.where(visible, norms, 1), 0).astype(np.float32)


def mean_squared_distances(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean squared distance of two distinct rows (N,F) per class of labels (N,): (K,); see `Sums`."""
    rows, n_classes = np.asarray(rows, np.float64), int(labels.max()) + 1
    sums = np.zeros((n_classes, rows.shape[1]))
    np.add.at(sums, labels, rows)
    squares = np.bincount(labels, (rows**2).sum(axis=1), n_classes)
    counts = np.bincount(labels, minlength=n_classes)
    return Sums(counts=counts, sums=sums, squares=squares).mean_squared_distances()


class StreamingSpread:
    """Accumulates a `Spread` image by image, so that the result is independent of the sizes of the batches.

    It grows as new labels appear. Memory per class: two sums, as wide as shapes and features, and 50 shapes.
    """

    def __init__(self):
        self._arrays: dict[str, np.ndarray] = {}

    def add(self, images: np.ndarray, features: np.ndarray, labels: np.ndarray) -> None:
        """Adds a batch: images (B,R,R,3), their features (B,F) and labels (B,)."""
        values = {"shape": shapes(images), "feature": np.asarray(features, np.float64)}
        self._grow(int(labels.max()) + 1, {name: value.shape[1] for name, value in values.items()})
        arrays = self._arrays
        for row, label in enumerate(labels):
            count = arrays["counts"][label]
            if count < KEPT:
                arrays["kept"][label, count] = values["shape"][row]
            for name, value in values.items():
                arrays[f"{name}_sums"][label] += value[row]
                arrays[f"{name}_squares"][label] += np.square(value[row], dtype=np.float64).sum()
            arrays["counts"][label] += 1

    def result(self) -> Spread:
        """The spread of everything added so far."""
        return spread_from_arrays({name: array.copy() for name, array in self._arrays.items()})

    def state(self) -> dict[str, np.ndarray]:
        """The whole state as arrays, from which `StreamingSpread.from_state` continues bit for bit."""
        return self._arrays

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray]) -> "StreamingSpread":
        """An accumulator with this `state()`."""
        spread = cls()
        spread._arrays = {name: np.array(array) for name, array in state.items()}
        return spread

    def _grow(self, n_classes: int, widths: dict[str, int]) -> None:
        present = len(self._arrays.get("counts", ()))
        missing = n_classes - present
        if missing <= 0:
            return
        empty = {
            "counts": np.zeros(missing, np.int64),
            "kept": np.zeros((missing, KEPT, widths["shape"]), np.float32),
            **{f"{name}_sums": np.zeros((missing, width)) for name, width in widths.items()},
            **{f"{name}_squares": np.zeros(missing) for name in widths},
        }
        self._arrays = {
            name: np.concatenate([self._arrays[name], array]) if present else array for name, array in empty.items()
        }


def spread_from_arrays(arrays: dict[str, np.ndarray]) -> Spread:
    """The inverse of `spread_to_arrays`."""
    counts = arrays["counts"]
    of = {
        name: Sums(counts=counts, sums=arrays[f"{name}_sums"], squares=arrays[f"{name}_squares"])
        for name in ("shape", "feature")
    }
    return Spread(shape=of["shape"], feature=of["feature"], kept=arrays["kept"])


def spread_to_arrays(spread: Spread) -> dict[str, np.ndarray]:
    """The spread as arrays for a file."""
    arrays = {"counts": spread.shape.counts, "kept": spread.kept}
    for name in ("shape", "feature"):
        sums = dataclasses.asdict(getattr(spread, name))
        arrays |= {f"{name}_sums": sums["sums"], f"{name}_squares": sums["squares"]}
    return arrays
