"""What is kept of one set of images while it streams by: just what the chosen metrics need."""

import dataclasses
from typing import Literal

import numpy as np

from sagan_tf.evaluation.moments import Moments, StreamingMoments

Part = Literal["moments", "features", "logits", "labels", "agreement"]
DTYPES = {"features": np.float32, "logits": np.float32, "labels": np.int32, "agreement": np.float64}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collected:
    """One set of images as the metrics see it; a part that no metric needs is None.

    Shapes: features (N,F) float32, logits (N,K) float32, labels (N,) int32, agreement (N,) float64 in [0,1] with NaN
    where it isn't defined, all in the order of the images.
    """

    moments: Moments | None = None
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    agreement: np.ndarray | None = None


class Collector:
    """Takes the parts of one batch after the other and keeps those that are needed."""

    def __init__(self, needs: frozenset[Part]):
        self.count = 0
        self._keeps_moments = "moments" in needs
        self._moments: StreamingMoments | None = None
        self._rows: dict[Part, list[np.ndarray]] = {part: [] for part in sorted(needs - {"moments"})}

    def add(self, batch: dict[Part, np.ndarray]) -> None:
        """Takes one batch in: parts of B rows each; the moments are those of its features."""
        if self._keeps_moments:
            features = batch["features"]
            self._moments = self._moments or StreamingMoments(features.shape[1])
            self._moments.add(features)
        for part, rows in self._rows.items():
            rows.append(np.asarray(batch[part], DTYPES[part]))
        self.count += len(next(iter(batch.values())))

    def result(self) -> Collected:
        """All that was kept so far."""
        moments = self._moments.result() if self._moments else None
        return Collected(moments=moments, **{part: np.concatenate(rows) for part, rows in self._rows.items()})

    def state(self) -> dict[str, np.ndarray]:
        """All it holds as arrays, for an evaluation to be resumed from."""
        moments = {f"moments/{name}": value for name, value in (self._moments.state() if self._moments else {}).items()}
        rows = {f"rows/{part}": np.concatenate(rows) for part, rows in self._rows.items() if rows}
        return {"images": np.int64(self.count), **moments, **rows}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state()` of a collector with the same needs, bit for bit."""
        self.count = int(state["images"])
        moments = {name.removeprefix("moments/"): value for name, value in state.items() if name.startswith("moments/")}
        if moments:
            self._moments = StreamingMoments.from_state(moments)
        for part in self._rows:
            self._rows[part] = [state[f"rows/{part}"]]
