"""Mean and covariance of features, accumulated in float64 without keeping the features.

50,000 x 2,048 activations take 410 MB in float32; their moments take 34 MB.
Letters of shapes: N vectors, B of them per batch, F features.
"""

import dataclasses
import json

import numpy as np

BLOCK = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean (F,) and unbiased covariance (F,F), divided by n-1, of `count` feature vectors; float64.

    count: None if unknown, as in files of other tools.

    Raises:
      ValueError: for other shapes.
    """

    count: int | None
    mean: np.ndarray
    covariance: np.ndarray

    def __post_init__(self):
        if self.mean.ndim != 1 or self.covariance.shape != (self.mean.size, self.mean.size):
            raise ValueError(
                "Moments must be a mean (F,) and a covariance (F,F); received "
                f"mean={self.mean.shape}, covariance={self.covariance.shape}. "
                "Check the file's mu and sigma."
            )


class StreamingMoments:
    """Accumulates features batch by batch; two accumulators can be merged (Chan, Golub, LeVeque 1979, eq. 2.1).

    Rows are gathered into blocks of 1,024, so that the result is independent of the sizes of the batches.
    """

    def __init__(self, n_features: int):
        self.n_features = n_features
        self.count = 0
        self._mean = np.zeros(n_features)
        self._scatter = np.zeros((n_features, n_features))
        self._pending = np.empty((BLOCK, n_features))
        self._n_pending = 0

    def add(self, features: np.ndarray) -> None:
        """Adds features (B,F).

        Raises:
          ValueError: for another width.
        """
        features = np.asarray(features)
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise ValueError(
                f"features must be (B, {self.n_features}); received shape={features.shape}. "
                "Use one extractor for all images."
            )
        while len(features):
            part, features = np.split(features, [BLOCK - self._n_pending])
            self._pending[self._n_pending : self._n_pending + len(part)] = part
            self._n_pending += len(part)
            if self._n_pending == BLOCK:
                self._flush()

    def merge(self, other: "StreamingMoments") -> None:
        """Adds everything that the other accumulator has seen; the other one doesn't change."""
        self._combine(other.count, other._mean, other._scatter)
        self.add(other._pending[: other._n_pending])

    def result(self) -> Moments:
        """The moments of everything added so far.

        Raises:
          ValueError: for fewer than two vectors.
        """
        total = StreamingMoments(self.n_features)
        total._combine(self.count, self._mean, self._scatter)
        total._combine(*_block_moments(self._pending[: self._n_pending]))
        if total.count < 2:
            raise ValueError(f"Moments must be of at least 2 images; received count={total.count}. Give more images.")
        return Moments(count=total.count, mean=total._mean, covariance=total._scatter / (total.count - 1))

    def state(self) -> dict[str, np.ndarray]:
        """The whole state as arrays, from which `StreamingMoments.from_state` continues bit for bit."""
        return {
            "count": np.int64(self.count),
            "mean": self._mean,
            "scatter": self._scatter,
            "waiting": self._pending[: self._n_pending],
        }

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray]) -> "StreamingMoments":
        """An accumulator with this `state()`."""
        moments = cls(len(state["mean"]))
        moments.count = int(state["count"])
        moments._mean = np.array(state["mean"])
        moments._scatter = np.array(state["scatter"])
        moments.add(state["waiting"])
        return moments

    def _flush(self) -> None:
        self._combine(*_block_moments(self._pending[: self._n_pending]))
        self._n_pending = 0

    def _combine(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        if not count:
            return
        total = self.count + count
        delta = mean - self._mean
        self._scatter += scatter
        self._scatter += np.outer(delta, delta) * (self.count * count / total)
        self._mean = self._mean + delta * (count / total)
        self.count = total


def moments_of(features: np.ndarray) -> Moments:
    """The moments of features (N,F) that are in memory."""
    streaming = StreamingMoments(np.shape(features)[-1] if np.ndim(features) else 0)
    streaming.add(features)
    return streaming.result()


def moments_to_arrays(moments: Moments, *, protocol: dict) -> dict[str, np.ndarray]:
    """Arrays for a file: `mu` and `sigma`, as FID tools exchange them, `count`, and `protocol` as JSON text."""
    known = {} if moments.count is None else {"count": np.int64(moments.count)}
    return {
        "mu": moments.mean,
        "sigma": moments.covariance,
        **known,
        "protocol": np.str_(json.dumps(protocol, sort_keys=True)),
    }


def moments_from_arrays(arrays: dict[str, np.ndarray]) -> tuple[Moments, dict]:
    """The moments and their protocol (empty in files of other tools); the inverse of `moments_to_arrays`."""
    count = int(arrays["count"]) if "count" in arrays else None
    protocol = json.loads(str(arrays["protocol"])) if "protocol" in arrays else {}
    moments = Moments(
        count=count, mean=np.asarray(arrays["mu"], np.float64), covariance=np.asarray(arrays["sigma"], np.float64)
    )
    return moments, protocol


def _block_moments(block: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    if not len(block):
        return 0, np.zeros(block.shape[1]), np.zeros((block.shape[1],) * 2)
    mean = block.mean(axis=0)
    centered = block - mean
    return len(block), mean, centered.T @ centered
