"""What is kept of one set of images while it streams by: just what the chosen metrics need."""

import dataclasses
from typing import Literal

import numpy as np

from sagan_tf.evaluation.moments import Moments, StreamingMoments
from sagan_tf.evaluation.spread import Spread, StreamingSpread

Part = Literal["moments", "halves", "spread", "features", "logits", "labels", "agreement"]
DTYPES = {"features": np.float32, "logits": np.float32, "labels": np.int32, "agreement": np.float64}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Activations:
    """One set of images as the metrics see it; a part that no metric needs is None.

    halves: the moments of one half of the images and of the other. spread: what variety within classes is computed of.
    Shapes: features (N,F) float32, logits (N,K) float32, labels (N,) int32, agreement (N,) float64 in [0,1] with NaN
    where it isn't defined, all in the order of the images.
    """

    moments: Moments | None = None
    halves: tuple[Moments, Moments] | None = None
    spread: Spread | None = None
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    agreement: np.ndarray | None = None


class ActivationCollector:
    """Takes the parts of one batch after the other and keeps those that are needed."""

    def __init__(self, needs: frozenset[Part]):
        self.count = 0
        self._moments: dict[str, StreamingMoments | None] = {}
        self._moments |= {"moments": None} if "moments" in needs else {}
        self._moments |= {"half_0": None, "half_1": None} if "halves" in needs else {}
        self._spread = StreamingSpread() if "spread" in needs else None
        self._rows: dict[Part, list[np.ndarray]] = {part: [] for part in sorted(needs & set(DTYPES))}

    def add(self, batch: dict[str, np.ndarray]) -> None:
        """Takes one batch in: parts of B rows each. Moments are those of its features; spread needs "images" too."""
        size = len(next(iter(batch.values())))
        for name in self._moments:
            rows = batch["features"]
            rows = rows if name == "moments" else rows[_half(self.count, size) == int(name[-1])]
            self._moments[name] = self._moments[name] or StreamingMoments(rows.shape[1])
            self._moments[name].add(rows)
        if self._spread is not None:
            self._spread.add(batch["images"], batch["features"], batch["labels"])
        for part, rows in self._rows.items():
            rows.append(np.asarray(batch[part], DTYPES[part]))
        self.count += size

    def result(self) -> Activations:
        """All that was kept so far."""
        moments = {name: streaming.result() for name, streaming in self._moments.items() if streaming}
        return Activations(
            moments=moments.get("moments"),
            halves=(moments["half_0"], moments["half_1"]) if "half_0" in moments else None,
            spread=self._spread.result() if self._spread else None,
            **{part: np.concatenate(rows) for part, rows in self._rows.items()},
        )

    def state(self) -> dict[str, np.ndarray]:
        """All it holds as arrays, for an evaluation to be resumed from."""
        held = {name: streaming.state() for name, streaming in self._moments.items() if streaming}
        held |= {"spread": self._spread.state()} if self._spread else {}
        arrays = {f"{name}/{key}": value for name, state in held.items() for key, value in state.items()}
        rows = {f"rows/{part}": np.concatenate(rows) for part, rows in self._rows.items() if rows}
        return {"images": np.int64(self.count), **arrays, **rows}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from a `state()` of a collector with the same needs, bit for bit."""
        self.count = int(state["images"])
        for name in self._moments:
            if held := _below(name, state):
                self._moments[name] = StreamingMoments.from_state(held)
        if self._spread and (held := _below("spread", state)):
            self._spread = StreamingSpread.from_state(held)
        for part in self._rows:
            self._rows[part] = [state[f"rows/{part}"]]


def _half(first: int, count: int) -> np.ndarray:
    """To which half, 0 or 1, each of `count` images from the first belongs: evenly, whatever order classes come in.

    Multiples of the golden ratio are spread evenly over the unit interval, and so is every regular part of them.
    """
    golden = (np.sqrt(5.0) - 1) / 2
    return (np.arange(first, first + count) * golden % 1 >= 0.5).astype(int)


def _below(name: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}/"): value for key, value in state.items() if key.startswith(f"{name}/")}
