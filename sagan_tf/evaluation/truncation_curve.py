"""IS against FID over truncation thresholds, and the points of that curve that BigGAN reports."""

import csv
import dataclasses
import io
import itertools
from collections.abc import Sequence

# From hardly any truncation to hardly any variety; those of Brock et al. 2018, Fig. 2a (2, 1.5, 1, 0.5, 0.04) are among
# them, the thresholds of its curves (Fig. 16) are not told.
CURVE_THRESHOLDS = (2.0, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.04)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """FID and IS (10 splits) at a threshold; None: z as it was trained with. `*_std`: over seeds, if several."""

    truncation: float | None
    fid: float
    inception_score: float
    fid_std: float | None = None
    inception_score_std: float | None = None


def reported_points(points: Sequence[CurvePoint], validation_score: float | None) -> dict[str, CurvePoint | None]:
    """The four points of Brock et al. 2018, Table 2; `points` in the order of falling thresholds, None first.

    no_truncation; best_fid; validation_is: where IS is that of the real validation images, between its neighbors on
    the curve by linear interpolation (the paper says "the truncation setting for which" it is the same, not how it is
    found), None where the curve doesn't come to it; best_is. Of equals the least truncated one.
    Raises ValueError without a point.
    """
    if not points:
        raise ValueError("a truncation curve must have a point at least; received points=0. Give a threshold.")
    return {
        "no_truncation": next((point for point in points if point.truncation is None), None),
        "best_fid": min(points, key=lambda point: point.fid),
        "validation_is": None if validation_score is None else _at_score(points, validation_score),
        "best_is": max(points, key=lambda point: point.inception_score),
    }


def _at_score(points: Sequence[CurvePoint], score: float) -> CurvePoint | None:
    """Where the curve first comes to this IS, from the least truncated end."""
    for left, right in itertools.pairwise(points):
        span = right.inception_score - left.inception_score
        share = (score - left.inception_score) / span if span else 0.0 if score == left.inception_score else -1.0
        if 0 <= share <= 1:
            known = None not in (left.truncation, right.truncation)
            threshold = left.truncation + share * (right.truncation - left.truncation) if known else right.truncation
            return CurvePoint(
                truncation=threshold, fid=left.fid + share * (right.fid - left.fid), inception_score=score
            )
    return None


def reported_numbers(reported: dict[str, CurvePoint | None]) -> dict[str, float]:
    """The points that there are as metrics: POINT_fid, POINT_is, and POINT_truncation where z is truncated."""
    numbers: dict[str, float] = {}
    for name, point in reported.items():
        if point is not None:
            numbers |= {f"{name}_fid": point.fid, f"{name}_is": point.inception_score}
            numbers |= {} if point.truncation is None else {f"{name}_truncation": point.truncation}
    return numbers


def csv_text(points: Sequence[CurvePoint]) -> str:
    """A line a point: truncation ("none" for none), fid, is, and their deviations over seeds, empty for one seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["truncation", "fid", "is", "fid_std", "is_std"])
    for p in points:
        writer.writerow(
            [
                "none" if p.truncation is None else p.truncation,
                p.fid,
                p.inception_score,
                *("" if value is None else value for value in (p.fid_std, p.inception_score_std)),
            ]
        )
    return text.getvalue()
