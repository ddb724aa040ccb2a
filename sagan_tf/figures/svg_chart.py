"""Line charts as SVG, which take their colors from the surrounding page."""

import html
import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Protocol

Line = tuple[Sequence[float], Sequence[float]]


class Band(Protocol):
    """A range to draw behind the lines: `low[i]` to `high[i]` at `steps[i]`, with its mean and a label."""

    steps: Sequence[float]
    low: Sequence[float]
    mean: Sequence[float]
    high: Sequence[float]
    label: str


_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 18, 10, 26
_STROKES = ("", " dashed", " dotted")
_MOST_DECADES = 8  # between the ends of a logarithmic axis with a label at each


def line_chart(
    lines: Mapping[str, Line],
    *,
    title: str,
    logarithmic: bool = False,
    named: Sequence[str] | None = None,
    bands: Sequence[Band] = (),
) -> str:
    """A chart over steps, starting at step 0, with its legend; "" if there is no finite value.

    lines: (steps, values) by name; values that are not finite, or not positive on a logarithmic axis, are left out.
    named: the lines with a color and a legend entry, in its order; the others are gray. None for all lines. From the
      seventh line on, the six colors return with dashes, then with dots.
    bands: ranges to draw behind the lines, on a linear axis.
    """
    drawn = {name: _finite(*line, positive=logarithmic) for name, line in lines.items()}
    drawn = {name: points for name, points in drawn.items() if points}
    if not drawn:
        return ""
    xs = [x for points in drawn.values() for x, _ in points] + [x for band in bands for x in band.steps]
    ys = [y for points in drawn.values() for _, y in points] + [y for b in bands for y in (*b.low, *b.high)]
    y_ticks = decades(min(ys), max(ys)) if logarithmic else nice_ticks(min(ys), max(ys), 4)
    x_range, y_range = (0, max(*xs, 1)), (y_ticks[0], y_ticks[-1])
    named = [name for name in drawn if named is None] or [name for name in named if name in drawn]
    kinds = {name: f"c{i % 6}{_STROKES[i // 6 % len(_STROKES)]}" for i, name in enumerate(named)}
    parts = [_grid(nice_ticks(*x_range, 5), y_ticks, x_range, y_range, logarithmic)]
    parts += [_band(band, x_range, y_range) for band in bands]
    for name in sorted(drawn, key=kinds.__contains__):  # gray lines below the colored ones
        points = drawn[name]
        seen = _distinct(points, x_range)
        path = " ".join(f"{_x(x, x_range):.1f},{_y(y, y_range, logarithmic):.1f}" for x, y in seen)
        parts.append(
            f'<polyline class="{kinds.get(name, "rest")}" points="{path}"><title>{html.escape(name)}: '
            f"{points[-1][1]:.4g} at step {points[-1][0]:,.0f}</title></polyline>"
        )
        if len(points) == 1:
            x, y = path.split(",")
            parts.append(f'<circle class="{kinds.get(name, "rest")}" cx="{x}" cy="{y}" r="2.5"/>')
    return (
        f'<figure class="chart"><figcaption>{html.escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)} over steps">'
        f'{"".join(parts)}</svg><div class="keys">{_legend(drawn, kinds)}'
        f"{''.join(_key(band) for band in bands)}</div></figure>"
    )


def _band(band: Band, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    """The range as an area, and its mean as a dashed line; a bar a few pixels wide if it has a single step."""
    wide = (-3, 3) if len(band.steps) == 1 else (0,)

    def points(values: Sequence[float], way: int = 1) -> str:
        found = [
            f"{_x(x, x_range) + shift:.1f},{_y(y, y_range, False):.1f}"
            for x, y in zip(band.steps, values, strict=True)
            for shift in wide
        ]
        return " ".join(found[::way])

    upper, lower = points(band.high), points(band.low, -1)
    return (
        f'<polygon class="band" points="{upper} {lower}"><title>{html.escape(band.label)}</title></polygon>'
        f'<polyline class="expected" points="{points(band.mean)}"/>'
    )


def _key(band: Band) -> str:
    return f'<span class="band">{html.escape(band.label)}: {band.low[-1]:.3g} to {band.high[-1]:.3g}</span>'


def _legend(drawn: Mapping[str, Sequence[tuple[float, float]]], kinds: Mapping[str, str]) -> str:
    """The named lines with their last values, and the number of other lines."""
    keys = [
        f'<span class="{kind}">{html.escape(name)} <b>{drawn[name][-1][1]:.3g}</b></span>'
        for name, kind in kinds.items()
    ]
    others = len(drawn) - len(kinds)
    return "".join(keys) + (f'<span class="rest">{others} others</span>' if others else "")


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` steps of 1, 2 or 5 times a power of ten that enclose [low, high].

    Numbers that are equal to nine digits count as equal.
    """
    if low == high == 0:  # no negative ticks for shares and counts
        high = 1.0
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - (abs(low) or 1.0) * 0.1, high + (abs(high) or 1.0) * 0.1
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = 12 - math.floor(math.log10(step))  # after the point, so that tiny numbers keep theirs
    return [round(i * step, max(12, digits)) for i in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose [low, high], with 2 and 5 times where those are few; not each one if they are many."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if last - first > 2:
        every = -(-(last - first) // _MOST_DECADES)
        return [10.0**i for i in range(first, last + every, every)]
    fine = [m * 10.0**i for i in range(first, last + 1) for m in (1, 2, 5)]
    below, above = [t for t in fine if t <= low * (1 + 1e-9)], [t for t in fine if t >= high * (1 - 1e-9)]
    return [t for t in fine if below[-1] <= t <= above[0]] if below[-1] < above[0] else [below[-1], 10 * below[-1]]


def _finite(xs: Sequence[float], ys: Sequence[float], positive: bool) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y) and (y > 0 or not positive)]


def _distinct(points: list[tuple[float, float]], x_range: tuple[float, float]) -> list[tuple[float, float]]:
    """The points that can be told apart: of many within a pixel's width, the lowest and the highest."""
    if len(points) <= 2 * _WIDTH:
        return points
    columns: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        columns.setdefault(int(_x(point[0], x_range)), []).append(point)
    ends = ({min(column, key=itemgetter(1)), max(column, key=itemgetter(1))} for column in columns.values())
    return [point for column in ends for point in sorted(column)]


def _x(x: float, ends: tuple[float, float]) -> float:
    return _LEFT + (x - ends[0]) / (ends[1] - ends[0]) * (_WIDTH - _LEFT - _RIGHT)


def _y(y: float, ends: tuple[float, float], logarithmic: bool) -> float:
    low, high, y = (math.log10(v) for v in (*ends, y)) if logarithmic else (*ends, y)
    return _HEIGHT - _BOTTOM - (y - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _grid(x_ticks, y_ticks, x_range, y_range, logarithmic: bool) -> str:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for tick in y_ticks:
        gap = abs(tick) if logarithmic else y_ticks[1] - y_ticks[0]
        y = _y(tick, y_range, logarithmic)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{_short(tick, gap)}</text>'
        )
    for tick in (t for t in x_ticks if x_range[0] <= t <= x_range[1] and t == int(t)):  # steps are whole
        x = _x(tick, x_range)
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{_short(tick, x_ticks[1] - x_ticks[0])}</text>'
            f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
        )
    return "".join(parts) + f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'


def _short(value: float, gap: float) -> str:
    """12000 as 12k, 2000000 as 2M; with as many digits as tell it from the next tick, which is `gap` away.

    From a billion on, as 1e+09.
    """
    if not value:
        return "0"
    units = ((1e9, 1.0, ""), (1e6, 1e6, "M"), (1e3, 1e3, "k"))
    size, unit = next(((size, unit) for least, size, unit in units if abs(value) >= least), (1.0, ""))
    decimals = -math.floor(math.log10(gap / size) + 1e-9)
    digits = decimals + math.floor(math.log10(abs(value) / size) + 1e-9) + 1
    return f"{value / size:.{max(3, digits)}g}{unit}"
