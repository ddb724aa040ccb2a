import itertools
import math
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from sagan_tf.figures.svg_chart import decades, line_chart, nice_ticks


@pytest.mark.parametrize(
    "low, high, count, ticks",
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 1600, 5, [0, 500, 1000, 1500, 2000]),
        (-0.3, 2.1, 4, [-1, 0, 1, 2, 3]),
        (0, 0, 4, [0, 0.5, 1]),
        (2, 2, 4, [1.8, 1.9, 2.0, 2.1, 2.2]),
    ],
)
def test_ticks_are_round_and_enclose_the_numbers(low, high, count, ticks):
    assert nice_ticks(low, high, count) == pytest.approx(ticks)


@pytest.mark.parametrize(
    "low, high, ticks",
    [(0.5, 2000, [0.1, 1, 10, 100, 1000, 10000]), (1.5, 8, [1, 2, 5, 10]), (3, 3, [2, 5]), (1, 1, [1, 10])],
)
def test_logarithmic_ticks_enclose_the_numbers(low, high, ticks):
    assert decades(low, high) == pytest.approx(ticks)


def points(chart):
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", chart).group())
    return [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in svg.iter("polyline")
    ]


def test_lines_lie_where_their_numbers_are():
    (line,) = points(line_chart({"loss": ([0, 50, 100], [0.0, 1.0, 0.5])}, title="Losses"))
    assert line == [(60.0, 214.0), (251.0, 10.0), (442.0, 112.0)]


def test_a_logarithmic_axis_has_equal_factors_at_equal_distances():
    (line,) = points(line_chart({"s": ([0, 1, 2], [1.0, 100.0, 10000.0])}, title="t", logarithmic=True))
    assert [y for _, y in line] == [214.0, 112.0, 10.0]


def test_what_is_not_finite_is_left_out_and_names_are_escaped():
    chart = line_chart({"a<b": ([1, 2, 3], [1.0, math.nan, 2.0]), "none": ([1], [math.inf])}, title="x & y")
    assert len(points(chart)) == 1 and len(points(chart)[0]) == 2
    assert "a&lt;b" in chart and "x &amp; y" in chart and "none" not in chart


def test_a_band_lies_behind_the_lines_and_widens_the_axes():
    band = SimpleNamespace(steps=[0, 200], low=[0.0, 0.0], mean=[0.5, 1.0], high=[1.0, 2.0], label="expected, 2 runs")
    chart = line_chart({"fid": ([0, 100], [0.0, 1.0])}, title="t", bands=[band])
    assert re.search(r'<polygon class="band" points="([^"]*)"', chart)[1] == (
        "60.0,112.0 442.0,10.0 442.0,214.0 60.0,214.0"
    )
    assert points(chart) == [[(60.0, 163.0), (442.0, 112.0)], [(60.0, 214.0), (251.0, 112.0)]], "the mean, then the run"
    assert "expected, 2 runs: 0 to 2" in chart


def test_named_lines_are_colored_above_the_gray_ones():
    chart = line_chart({n: ([5, 10], [1.0, i]) for i, n in enumerate("abc")}, title="t", named=["c", "a"])
    assert re.findall(r'<polyline class="(\w+)"[^>]*><title>(\w)', chart) == [("rest", "b"), ("c1", "a"), ("c0", "c")]
    assert re.findall(r'<span class="(\w+)">(\w+)', chart) == [("c0", "c"), ("c1", "a"), ("rest", "1")]
    assert points(chart)[0][0][0] == 60 + 382 / 2, "the steps begin at 0"


def test_a_single_point_is_seen():
    assert 'r="2.5"' in line_chart({"fid": ([5], [1.0])}, title="t")


def test_no_numbers_make_no_chart():
    assert line_chart({}, title="t") == ""


@pytest.mark.parametrize(
    "values", [[1.0, 1.0000000000000002], [0.5, 0.5 + 1e-13], [1e-14, 3e-14], [-2e-20, -2e-20], [1e17, 1e17 + 16]]
)
def test_tiny_numbers_and_tiny_differences_are_drawn(values):
    chart = line_chart({"loss": ([1, 2], values)}, title="t")
    assert chart.count("<polyline") == 1 and "nan" not in chart
    ticks = nice_ticks(min(values), max(values), 4)
    assert 3 <= len(ticks) <= 12 and ticks[0] <= min(values) <= max(values) <= ticks[-1]
    assert all(a < b for a, b in itertools.pairwise(ticks))


@pytest.mark.parametrize(
    "values, labels",
    [
        ([83.11, 83.14], ["83.11", "83.12", "83.13", "83.14"]),
        ([100.5, 102.4], ["100.5", "101", "101.5", "102", "102.5"]),
        ([0.9996, 0.9999], ["0.9996", "0.9997", "0.9998", "0.9999"]),
        ([1234.5, 1236.0], ["1.2345k", "1.235k", "1.2355k", "1.236k"]),
        ([2e-5, 4e-5], ["2e-05", "2.5e-05", "3e-05", "3.5e-05", "4e-05"]),
        ([0.0, 2e6], ["0", "500k", "1M", "1.5M", "2M"]),
        ([1e9, 2e9], ["1e+09", "1.5e+09", "2e+09"]),
    ],
)
def test_labels_of_ticks_are_the_ticks(values, labels):
    chart = line_chart({"fid": ([1, 2], values)}, title="t")
    assert re.findall(r'text-anchor="end">([^<]*)', chart) == labels


@pytest.mark.parametrize(
    "last, labels", [(1, ["0", "1"]), (3, ["0", "1", "2", "3"]), (200, ["0", "50", "100", "150", "200"])]
)
def test_steps_are_whole(last, labels):
    chart = line_chart({"loss": ([last], [1.0])}, title="t")
    assert re.findall(r'text-anchor="middle">([^<]*)', chart) == labels


def test_a_band_of_one_step_is_seen():
    band = SimpleNamespace(steps=[100], low=[1.0], mean=[2.0], high=[3.0], label="expected, 2 runs")
    chart = line_chart({"fid": ([50, 100], [1.0, 2.0])}, title="t", bands=[band])
    corners = re.search(r'<polygon class="band" points="([^"]*)"', chart)[1].split()
    assert len({corner.split(",")[0] for corner in corners}) == len({corner.split(",")[1] for corner in corners}) == 2


@pytest.mark.parametrize("low, high", [(1e-30, 1e3), (1e-9, 1.0), (2e-12, 3e4)])
def test_many_decades_keep_labels_apart(low, high):
    ticks = decades(low, high)
    assert ticks[0] <= low and high <= ticks[-1] and 5 <= len(ticks) <= 10
    assert {round(math.log10(b / a), 6) for a, b in itertools.pairwise(ticks)} in ({1.0}, {2.0}, {3.0}, {5.0})


def test_no_two_lines_look_the_same():
    lines = {str(i): ([1, 2], [i, i + 1.0]) for i in range(14)}
    chart = line_chart(lines, title="t")
    drawn, keys = (re.findall(rf'<{kind} class="([^"]*)"', chart) for kind in ("polyline", "span"))
    assert len(set(drawn)) == 14 and drawn == keys and drawn[6:13:6] == ["c0 dashed", "c0 dotted"]


def test_labels_of_large_powers_of_ten_are_short():
    chart = line_chart({"variance": ([1, 2], [1e7, 1e12])}, title="t", logarithmic=True)
    labels = re.findall(r'text-anchor="end">([^<]*)', chart)
    assert labels == ["10M", "100M", "1e+09", "1e+10", "1e+11", "1e+12"]


def test_a_long_run_is_drawn_with_its_spikes_by_few_points():
    steps = range(100, 1_000_001, 100)
    values = [1.0 + 0.001 * (i % 7) for i in range(len(steps))]
    values[1234], values[5678] = 9.0, 0.0
    chart = line_chart({"loss": (steps, values)}, title="t")
    points = [tuple(map(float, point.split(","))) for point in re.search(r' points="([^"]*)"', chart)[1].split()]
    assert len(points) < 1000 and points == sorted(points, key=lambda point: point[0])
    heights = [y for _, y in points]
    top, bottom = 10.0, 214.0  # of the axis, whose ticks are 0 to 10
    assert min(heights) == pytest.approx(top + (bottom - top) / 10, abs=0.1) and max(heights) == bottom
    short = line_chart({"loss": (steps[:500], values[:500])}, title="t")
    assert len(re.search(r' points="([^"]*)"', short)[1].split()) == 500
    assert ": 1.003 at step 1,000,000<" in chart
