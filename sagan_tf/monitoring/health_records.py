"""Health records: what is measured of both networks at one step, beyond the losses; and the file that keeps them.

health.jsonl holds one JSON object per line:

    {"step": 300, "d_loss": 1.31, "g_loss": 0.42,
     "distances": {"overall": 0.61, "within_class": 0.38, "nearest": 0.12, "duplicates": 0.0},
     "relative": {"shape": 0.92, "within_class": 0.85, "nearest": 0.71},
     "spectra": {"generator.dense": [s0, s1, s2], "generator.blocks.0.conv_1": [s0, s1, s2], ...,
                 "discriminator.blocks.0.conv_1": [s0, s1, s2], ...},
     "gradient_norms": {"generator.shared": 0.2, ..., "discriminator.head.embedding": 1.4},
     "signs": [], "collapsed": false}

Numbers that are not finite are null, since JSON has no NaN: a loss of steps some of which were skipped may be one. The
names in `spectra` and `gradient_norms` are in order of depth, G before D. Attention's gains, and losses at shorter
intervals, are in train.jsonl.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sagan_tf.foundation import jsonl
from sagan_tf.monitoring.distances import Distances

FILE_NAME = "health.jsonl"
FORMER_FILE_NAME = "looks.jsonl"  # version 0.1.0
_DEPTH_ORDER = ("shared", "dense", "stem", "blocks", "final_norm", "to_rgb", "head")


@dataclass(frozen=True, kw_only=True)
class HealthRecord:
    """The health of a run at one step.

    step: of the generator.
    d_loss, g_loss: means over the steps of the last compiled call.
    distances: between samples of fixed latents and labels.
    spectra: the top singular values of each kernel, by name, descending.
    gradient_norms: the Euclidean norm of each layer's gradient over all of its weights, by name; means over the steps
      of the last compiled call (Brock et al. 2018, Figures 26 and 27).
    relative: distances between the same samples divided by those between real images, by name (runs/data_distances.py).
    signs: the signs of collapse, as phrases.
    collapsed: whether the signs raised the alarm at this step.
    """

    step: int
    d_loss: float
    g_loss: float
    distances: Distances
    spectra: dict[str, list[float]]
    gradient_norms: dict[str, float] = field(default_factory=dict)
    relative: dict[str, float] = field(default_factory=dict)
    signs: tuple[str, ...] = ()
    collapsed: bool = False

    def record(self) -> dict:
        """The JSON object, with numbers rounded to six significant digits; null for those that are not finite."""
        return _rounded(asdict(self))

    @classmethod
    def from_record(cls, record: Mapping) -> "HealthRecord":
        """The inverse of `record`; null becomes NaN."""
        fields = _nan_for_null(dict(record))
        distances, signs = Distances(**fields.pop("distances")), tuple(fields.pop("signs"))
        return cls(distances=distances, signs=signs, **fields)


def health_file(folder: Path | str) -> Path:
    """The file of a run's health records: health.jsonl, unless a run of version 0.1.0 began it under the former name.

    Such a run continues in its former file, so that its records stay in one place.
    """
    former = Path(folder) / FORMER_FILE_NAME
    return former if former.exists() else Path(folder) / FILE_NAME


def read_health_records(folder: Path | str) -> list[HealthRecord]:
    """All health records of a run's directory, in order of steps; empty if there are none yet.

    Raises:
      JsonLinesError: if a line is damaged.
    """
    return [HealthRecord.from_record(record) for record in jsonl.read(health_file(folder))]


def gradient_norm_variance(gradient_norms: Mapping[str, float | None], network: str) -> float:
    """The variance of the norms of all layers' gradients of "generator" or "discriminator".

    NaN if there are none, or if one is not finite (null in the file).

    Brock et al. 2018 show the "variance of all gradient norms" in Figures 26 and 27 without a definition; here it is
    the mean squared deviation of the layers' norms from their mean, at one step.
    """
    norms = [norm for layer, norm in gradient_norms.items() if layer.startswith(network + ".")]
    finite = all(norm is not None and math.isfinite(norm) for norm in norms)
    return statistics.pvariance(norms) if norms and finite else math.nan


def by_depth(names: Iterable[str]) -> list[str]:
    """Sorts the names of one network's variables from its input to its output; attention follows its block."""
    return sorted(names, key=_depth)


def _depth(name: str) -> tuple[int, int, bool, str]:
    first, *rest = name.split(".")
    attention = first == "long_range"
    number = int(rest[0]) if rest and rest[0].isdigit() else 0
    return _DEPTH_ORDER.index("blocks" if attention else first), number, attention, name


def _nan_for_null(value):
    if isinstance(value, dict):
        return {key: _nan_for_null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nan_for_null(item) for item in value]
    return math.nan if value is None else value


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
