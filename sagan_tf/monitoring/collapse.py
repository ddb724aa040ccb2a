"""The signs of training collapse (Brock et al. 2018, section 4 and appendix F)."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.monitoring.health_records import HealthRecord

OnCollapse = Literal["warn", "stop", "off"]
# Window of the running medians; records needed before judging by them; consecutive records with two signs that raise
# the alarm while half of the variety is still there.
RECENT, FEWEST, PATIENCE = 10, 5, 3
REMEMBERED = RECENT + PATIENCE
_GROWTH = 2.0
_JUMP, _SPREADS = 0.5, 6.0
_SHRUNK, _EQUAL = 0.25, 0.02
_ZERO, _CHANCE, _STILL = 0.01, 2.0, 1e-5
_FIRST, _UNEVEN = "generator.dense", 1.4
_FALLING, _LOST, _HALF = 0.85, 0.7, 0.5


class CollapseError(RuntimeError):
    """Training has collapsed, and the run's options say to stop in that case."""


@dataclass(frozen=True, kw_only=True)
class MonitorOptions:
    """How a run's health is monitored.

    every: steps between health records (spectra of all kernels, distances of samples, signs of collapse); 0 for none.
    collapse: what to do when training has collapsed: "warn", "stop", or "off" (signs are not evaluated).

    Raises:
      ValueError: for an unknown `collapse`, or an `every` that is not an integer of at least 0.
    """

    every: int = 100
    collapse: OnCollapse = "warn"

    def __post_init__(self):
        store_plain_numbers(self)
        check_choice("MonitorOptions", "collapse", self.collapse, get_args(OnCollapse))
        check_integer("every", self.every, 0, owner="MonitorOptions", hint="0 turns monitoring off.")


def signs(record: HealthRecord, before: Sequence[HealthRecord]) -> tuple[str, ...]:
    """The signs of collapse in a record, as phrases, given the records before it; at most one of each kind.

    spectra: sigma_0 of a kernel of G is twice its recent median; or sigma_0 of its first layer is 1.4 times sigma_1
      while variety is below 0.85 of its maximum so far. The paper saw sigma_0 grow, then explode, in a few layers,
      mostly the first; with spectral normalization all other directions of z are divided by it. D's spectra, which are
      noisy and jump, are not evaluated. D's loss: it jumps up (the paper's sign), is zero (G has nothing left to learn
      from), or is above 4, twice that of guessing under the hinge, and more than twice under the other losses (an
      auxiliary head's class loss adds to it); or it has been constant lately, because D has become a constant.
    standstill: no kernel of G has changed its sigma_0 since the last time (D's gradient is zero, or the learning rates
    are). lost variety: that of shape within classes, relative to the data's, is below 0.7 of its maximum so far (values
    above the data's count as the data's). It is compared with the whole run, so that a slow loss is detected like a
    fast one. equal samples: their distance, overall or within classes, is under 0.02 (as it may be before G has
    learned), or their variety of shape within classes was above 0.7 of the data's and has halved. fallen distance: it
    is a quarter of its recent median. Equal samples and a fallen distance mean collapse regardless of D.

    The paper gives no thresholds; these are ours, chosen on the runs of benchmarks/collapse_watch.jsonl. Each single
    sign also occurs in healthy runs.
    """
    recent = before[-RECENT:] if len(before) >= FEWEST else ()
    best = max(map(_shape, before), default=0.0)
    found = [*_spectra(record, recent, best), *_d_loss(record, recent), *_still(record, recent), *_lost(record, best)]
    return (*found, *_equal(record, best), *_fallen(record, recent))


def remembered(before: Sequence[HealthRecord]) -> list[HealthRecord]:
    """The earlier records with which later ones are compared: the last ones, and the one with the most variety."""
    earlier, last = before[:-REMEMBERED], before[-REMEMBERED:]
    best = max(earlier, key=_shape, default=None)
    return [*([best] if best is not None and _shape(best) > 0 else []), *last]


def has_collapsed(record: HealthRecord, before: Sequence[HealthRecord]) -> bool:
    """Whether a record with its signs raises the alarm, given the records before it with theirs.

    It does if PATIENCE consecutive records have had two signs each; or at once, if this record has two and half of the
    maximum variety of shape is lost, since a fast collapse is over before a third record. Variety that was above 0.7 of
    the data's and has halved is two signs by itself. True once per sequence of records with two signs.
    """
    row = _suspicious(before)
    if len(record.signs) < 2 or len(row) >= PATIENCE or any(one.collapsed for one in row):
        return False
    best = max(map(_shape, before), default=0.0)
    return len(row) == PATIENCE - 1 or ("shape" in record.relative and _shape(record) < _HALF * best)


def last_healthy_step(before: Sequence[HealthRecord]) -> int:
    """The step of the last record before the current sequence of records with two signs; 0 if there is none."""
    healthy = before[: len(before) - len(_suspicious(before))]
    return healthy[-1].step if healthy else 0


def _suspicious(before: Sequence[HealthRecord]) -> Sequence[HealthRecord]:
    """The last consecutive records that have two signs each."""
    start = next((i + 1 for i in range(len(before) - 1, -1, -1) if len(before[i].signs) < 2), 0)
    return before[start:]


def _shape(record: HealthRecord) -> float:
    """Variety of shape within classes relative to the data's, at most 1; 0 if it was not compared, or is not finite."""
    shape = record.relative.get("shape", 0.0)
    return min(shape, 1.0) if math.isfinite(shape) else 0.0


def _spectra(record: HealthRecord, recent: Sequence[HealthRecord], best: float) -> Iterator[str]:
    growth = {}
    for name, values in record.spectra.items():
        known = [past.spectra[name][0] for past in recent if name in past.spectra]  # earlier versions measured fewer
        usual = statistics.median(known) if known else 0.0
        if name.startswith("generator.") and values[0] > _GROWTH * usual > 0:
            growth[name] = values[0] / usual
    first = record.spectra.get(_FIRST, [])
    if growth:
        worst = max(growth, key=growth.__getitem__)
        yield f"sigma_0 of {worst} is {growth[worst]:.1f} times what it was lately ({record.spectra[worst][0]:.3g})"
    elif len(first) > 1 and first[0] > _UNEVEN * first[1] > 0 and _shape(record) < _FALLING * best:
        yield f"sigma_0 of {_FIRST} is {first[0] / first[1]:.2f} times sigma_1: one direction of z dominates the others"


def _d_loss(record: HealthRecord, recent: Sequence[HealthRecord]) -> Iterator[str]:
    losses = [past.d_loss for past in recent if math.isfinite(past.d_loss)] or [record.d_loss]
    usual = statistics.median(losses)
    spread = statistics.median(abs(loss - usual) for loss in losses)
    if abs(record.d_loss) < _ZERO:
        yield f"D's loss is zero ({record.d_loss:.3g})"
    elif record.d_loss - usual > max(_JUMP, _SPREADS * spread):
        yield f"D's loss jumped from {usual:.3g} to {record.d_loss:.3g}"
    elif record.d_loss > 2 * _CHANCE:
        yield f"D's loss is {record.d_loss:.3g}: it is worse than guessing"
    elif recent and max(abs(loss - record.d_loss) for loss in losses[1 - FEWEST :]) <= _STILL * abs(record.d_loss):
        yield f"D's loss is constant at {record.d_loss:.3g}"


def _still(record: HealthRecord, recent: Sequence[HealthRecord]) -> Iterator[str]:
    before = recent[-1].spectra if recent else {}
    kernels = [name for name in record.spectra if name.startswith("generator.") and name in before]
    if kernels and all(abs(record.spectra[k][0] - before[k][0]) <= _STILL * before[k][0] for k in kernels):
        yield "G does not change: no kernel's sigma_0 has changed"


def _lost(record: HealthRecord, best: float) -> Iterator[str]:
    if "shape" in record.relative and _shape(record) < _LOST * best:
        yield f"variety of shape within classes is {_shape(record):.0%} of the data's, and was {best:.0%}"


def _equal(record: HealthRecord, best: float) -> Iterator[str]:
    if record.distances.overall < _EQUAL:
        yield f"the samples are equal (distance {record.distances.overall:.3g})"
    elif record.distances.within_class < _EQUAL:
        yield f"the samples of a class are equal (distance {record.distances.within_class:.3g})"
    elif "shape" in record.relative and _shape(record) < _HALF * best and best > _LOST:
        yield "half of the variety of shape within classes is gone: the samples of a class become one shape"


def _fallen(record: HealthRecord, recent: Sequence[HealthRecord]) -> Iterator[str]:
    for kind, where in (("overall", ""), ("within_class", " within a class")):
        distance = getattr(record.distances, kind)
        usual = statistics.median(getattr(past.distances, kind) for past in recent) if recent else distance
        if distance < _SHRUNK * usual:
            yield f"the distance of samples{where} fell from {usual:.3g} to {distance:.3g}"
            return
