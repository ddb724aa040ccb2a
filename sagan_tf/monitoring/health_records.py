"""A look: what is seen of both networks at one step, beyond the losses; and looks.jsonl, where looks are kept.

One JSON line a look:

    {"step": 300, "d_loss": 1.31, "g_loss": 0.42,
     "distances": {"overall": 0.61, "within_class": 0.38, "nearest": 0.12, "duplicates": 0.0},
     "relative": {"shape": 0.92, "within_class": 0.85, "nearest": 0.71},
     "spectra": {"generator.dense": [s0, s1, s2], "generator.blocks.0.conv_1": [s0, s1, s2], ...,
                 "discriminator.blocks.0.conv_1": [s0, s1, s2], ...},
     "signs": [], "collapsed": false}

The names of `spectra` are in order of depth, G before D; gains of attention and the losses at shorter intervals are in
train.jsonl.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sagan_tf.foundation import jsonl
from sagan_tf.monitoring.distances import Distances

_STAGES = ("shared", "dense", "blocks", "final_norm", "to_rgb", "head")


@dataclass(frozen=True, kw_only=True)
class HealthRecord:
    """d_loss, g_loss: means over the last call's steps. distances: of samples of fixed z and labels. relative:
    distances of the same samples over those of real images, by name (runs/data_distances.py). spectra: the top singular
    values by kernel. signs: those of collapse, in words. collapsed: whether they raised the alarm here."""

    step: int
    d_loss: float
    g_loss: float
    distances: Distances
    spectra: dict[str, list[float]]
    relative: dict[str, float] = field(default_factory=dict)
    signs: tuple[str, ...] = ()
    collapsed: bool = False

    def record(self) -> dict:
        """What is written, with numbers to six digits."""
        return _rounded(asdict(self))

    @classmethod
    def from_record(cls, record: Mapping) -> "HealthRecord":
        """The look that a record tells of."""
        fields = dict(record)
        distances, signs = Distances(**fields.pop("distances")), tuple(fields.pop("signs"))
        return cls(distances=distances, signs=signs, **fields)


def read_health_records(folder: Path) -> list[HealthRecord]:
    """All looks of a run's directory, in order; none if it has none yet."""
    return [HealthRecord.from_record(record) for record in jsonl.read(Path(folder) / "looks.jsonl")]


def by_depth(names: Iterable[str]) -> list[str]:
    """Names of one network's variables from its input to its output; attention comes behind its block."""
    return sorted(names, key=_depth)


def _depth(name: str) -> tuple[int, int, bool, str]:
    first, *rest = name.split(".")
    attention = first == "long_range"
    number = int(rest[0]) if rest and rest[0].isdigit() else 0
    return _STAGES.index("blocks" if attention else first), number, attention, name


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value
