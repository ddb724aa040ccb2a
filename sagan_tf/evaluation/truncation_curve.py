"""The curve of IS against FID over truncation thresholds, and the points on it that BigGAN reports."""

import csv
import dataclasses
import io
import itertools
from collections.abc import Sequence

# From hardly any truncation to hardly any variety. They include those of Brock et al. 2018, Fig. 2a (2, 1.5, 1, 0.5,
# 0.04); the paper doesn't give the thresholds of its curves (Fig. 16).
CURVE_THRESHOLDS = (2.0, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.04)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """FID and IS (10 splits) at a threshold.

    truncation: None for the whole prior, as in training.
    fid_std, inception_score_std: over seeds, if there are several.
    """

    truncation: float | None
    fid: float
    inception_score: float
    fid_std: float | None = None
    inception_score_std: float | None = None


def reported_points(points: Sequence[CurvePoint], validation_score: float | None) -> dict[str, CurvePoint | None]:
    """The four points of a curve that Brock et al. 2018, Table 2, report; of equal ones the least truncated.

    points: in order of decreasing thresholds, the untruncated one first.
    validation_score: IS of the real validation images.

    Returns: no_truncation; best_fid; validation_is, where the curve reaches `validation_score`, None if it never does;
      best_is. The paper doesn't say how the third one is found; here it is by linear interpolation between neighbors.

    Raises:
      ValueError: without a point.
    """
    if not points:
        raise ValueError("a truncation curve must have at least one point; received points=0. Give a threshold.")
    return {
        "no_truncation": next((point for point in points if point.truncation is None), None),
        "best_fid": min(points, key=lambda point: point.fid),
        "validation_is": None if validation_score is None else _at_score(points, validation_score),
        "best_is": max(points, key=lambda point: point.inception_score),
    }


def _at_score(points: Sequence[CurvePoint], score: float) -> CurvePoint | None:
    """Where the curve first reaches this IS, starting from its least truncated end."""
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
    """The reported points as metrics: POINT_fid, POINT_is and, if it is truncated, POINT_truncation."""
    numbers: dict[str, float] = {}
    for name, point in reported.items():
        if point is not None:
            numbers |= {f"{name}_fid": point.fid, f"{name}_is": point.inception_score}
            numbers |= {} if point.truncation is None else {f"{name}_truncation": point.truncation}
    return numbers


def csv_text(points: Sequence[CurvePoint]) -> str:
    """A line per point: truncation (or "none"), fid, is, and their deviations over seeds, empty for a single seed."""
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
