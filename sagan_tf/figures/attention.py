"""Attention maps of chosen query points of an image (Zhang et al. 2019, Figures 1 and 5)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from sagan_tf.figures import canvas
from sagan_tf.figures.query_points import dot_center, location, spread_points

SHARE = 0.5  # of a map's weight that lies inside its contour
UNIFORM_AREA = 0.45  # share of the image inside the contour above which a map is called nearly uniform
_EQUAL = 1e-4  # relative difference up to which weights count as equal
_FINE = 8  # factor by which the drawn grid is finer than the map
_EXPLANATION = "Half of a dot's attention falls inside the outline, which covers the given percentage of the image."
_DOT_SIZE, _DOT_EDGE = 6.5, 1.2  # diameter and edge width of a query point, in typographic points


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionView:
    """An image (R,R,3) uint8, the maps (H,W,h,w) of one attention layer for it, and a caption."""

    image: np.ndarray
    maps: np.ndarray
    caption: str


def attention_figure(
    views: Sequence[AttentionView], *, title: str, points: Sequence[tuple[int, int]] | None = None, count: int = 4
):
    """One row per image: the image with its query points, then the map of each point over the image.

    The contour encloses the locations with the most weight that together hold half of it, or more if weights are equal;
    the number below is the share of the image that they cover. A nearly uniform map has no contour, and says so.

    points: pixels (x, y), the same in every image; None: `count` points per image, chosen by `spread_points`.

    Raises:
      ValueError: for no points, or more points than colors.
    """
    count = len(points) if points else count
    if not 1 <= count <= len(canvas.COLORS):
        raise ValueError(f"the query points must be 1 to {len(canvas.COLORS)} per image; received {count}.")
    width = 1.45 * (count + 1)
    heading = canvas.wrapped(title, 0.98 * width, points=10)
    explanation = canvas.wrapped(_EXPLANATION, 0.98 * width, points=8)
    below_heading = 0.3 + 0.167 * heading.count("\n")
    above = below_heading + 0.25 + 0.134 * explanation.count("\n")
    height = 1.6 * len(views) + above
    made, axes = canvas.figure(
        len(views),
        count + 1,
        size=(width, height),
        wspace=0.05,
        hspace=0.17,
        left=max(0.06, 0.4 / width),
        right=0.99,
        bottom=0.2 / height,
        top=1 - above / height,
    )
    for row, item in zip(axes, views, strict=True):
        _draw_row(row, item, points, count)
    made.suptitle(heading, y=1 - 0.06 / height, va="top", fontsize=10)
    made.text(0.5, 1 - below_heading / height, explanation, ha="center", va="top", fontsize=8, color="#555555")
    return made


def _draw_row(row, item: AttentionView, points: Sequence[tuple[int, int]] | None, count: int) -> None:
    side, resolution = item.maps.shape[0], item.image.shape[0]
    places = [location(p, resolution, side) for p in points] if points else spread_points(item.maps, count)
    inches, high = row[0].get_position().size * row[0].figure.get_size_inches()
    radius = (_DOT_SIZE + _DOT_EDGE) / 2 / (72 * inches) * side
    row[0].imshow(item.image, extent=(0, side, side, 0), interpolation="nearest")
    row[0].set_ylabel(canvas.wrapped(item.caption, high, points=8, most=2), fontsize=8)
    for axis in row:
        axis.set(xticks=[], yticks=[], xlim=(0, side), ylim=(side, 0))
        axis.spines[:].set_visible(False)
    for axis, place, color in zip(row[1:], places, canvas.COLORS, strict=False):
        _draw_map(axis, item, place, color)
        for dotted in (row[0], axis):
            x, y = (dot_center(at, side, radius) for at in place[::-1])
            dotted.plot(x, y, "o", ms=_DOT_SIZE, mfc=color, mec="white", mew=_DOT_EDGE, clip_on=False)


def _draw_map(axis, item: AttentionView, place: tuple[int, int], color: str) -> None:
    side = item.maps.shape[0]
    fine = finer(item.maps[place], side * _FINE)
    level, area = contour_level(fine)
    axis.imshow(shaded(item.image, fine, color), extent=(0, side, side, 0), interpolation="nearest")
    axis.set_xlabel("nearly uniform" if area > UNIFORM_AREA else f"{area:.0%}", fontsize=8, labelpad=2)
    if area > UNIFORM_AREA:
        return
    ends = np.concatenate([[0], (np.arange(side * _FINE) + 0.5) / _FINE, [side]])
    axis.contour(ends, ends, np.pad(fine, 1), [level], colors=[color], linewidths=1.4)  # padded: closed at the border


def shaded(image: np.ndarray, weights: np.ndarray, color: str) -> np.ndarray:
    """Draws a map (S,S) in a color over a faded image (R,R,3): (S,S,3) uint8.

    The opacity shows how far a weight exceeds that of uniform attention, 1/(S*S): it is 0 up to that weight, and
    highest at the greatest weight. A map whose greatest weight is less than twice the uniform one is proportionally
    paler, so that nearly uniform attention is nearly invisible.
    """
    side = len(weights)
    gray = Image.fromarray(image).convert("L").resize((side, side), Image.Resampling.NEAREST)
    faded = 255 - 0.45 * (255 - np.asarray(gray, np.float64))[..., None]
    excess = np.maximum(weights / weights.mean() - 1, 0)
    opacity = 0.85 * (excess / max(excess.max(), 1))[..., None]
    return np.round(faded + opacity * (canvas.rgb(color) - faded)).astype(np.uint8)


def contour_level(weights: np.ndarray, share: float = SHARE) -> tuple[float, float]:
    """The weight from which on the heaviest locations together hold `share`, and their share of all locations.

    Equal weights count together, so that the locations hold more than `share` if many weights are equal: over a flat
    background, attention is. The level is slightly below the least of these weights, so that it surrounds them.
    """
    falling = np.sort(weights.reshape(-1).astype(np.float64))[::-1]
    last = int(np.searchsorted(np.cumsum(falling), share * falling.sum() * (1 - 1e-9)))
    level = float(falling[last] * (1 - _EQUAL))
    return level, float(np.mean(falling >= level))


def finer(weights: np.ndarray, side: int) -> np.ndarray:
    """Interpolates a map (h,w) bilinearly to (side,side)."""
    return np.asarray(Image.fromarray(weights.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR))
