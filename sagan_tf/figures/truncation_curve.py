"""IS against FID over truncation thresholds (Brock et al. 2018, Figure 16)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sagan_tf.figures import canvas

_MARKS = {
    "no_truncation": ("no truncation", "o"),
    "best_fid": ("best FID", "s"),
    "validation_is": ("where IS is theirs", "D"),
    "best_is": ("best IS", "^"),
}


class Point(Protocol):
    """The fields of evaluation/truncation_curve.py's CurvePoint that are drawn."""

    truncation: float | None
    fid: float
    inception_score: float
    fid_std: float | None
    inception_score_std: float | None


def truncation_figure(
    points: Sequence[Point],
    reported: Mapping[str, Point | None],
    *,
    validation_score: float | None = None,
    caption: str = "",
):
    """The curve with its thresholds, marks at the reported points, and a line at the IS of real validation images."""
    below = canvas.wrapped(caption, 0.87 * 6.4, points=7)
    bottom = 0.17 + 0.026 * below.count("\n")
    made, ((axis,),) = canvas.figure(1, 1, size=(6.4, 4.6), left=0.1, right=0.97, bottom=bottom, top=0.92)
    scores, distances = [p.inception_score for p in points], [p.fid for p in points]
    axis.errorbar(
        scores,
        distances,
        xerr=[p.inception_score_std or 0 for p in points],
        yerr=[p.fid_std or 0 for p in points],
        color=canvas.COLORS[1],
        marker=".",
        lw=1.5,
    )
    for point in points:
        axis.annotate(
            "none" if point.truncation is None else f"{point.truncation:g}",
            (point.inception_score, point.fid),
            xytext=(4, 5),
            textcoords="offset points",
            fontsize=7.5,
        )
    if validation_score is not None:
        axis.axvline(validation_score, color="#888888", ls=":", lw=1, label="IS of real validation images")
    for (name, (label, marker)), color in zip(_MARKS.items(), canvas.COLORS[2:], strict=False):
        if point := reported[name]:
            axis.plot(point.inception_score, point.fid, marker, ms=9, mfc="none", mec=color, mew=1.8, label=label)
    axis.set(
        xlabel="Inception Score (higher is better)",
        ylabel="FID (lower is better)",
        title="IS against FID; beside the points, the truncation threshold",
    )
    axis.legend(frameon=False, fontsize=8)
    made.text(0.1, 0.02, below, va="bottom", fontsize=7, color="#555555")
    return made
