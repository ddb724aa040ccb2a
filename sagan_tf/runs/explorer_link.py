"""What the explorer shows, as the query of a link that restores it."""

import dataclasses
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from sagan_tf.runs.class_index import class_index
from sagan_tf.runs.explorer import Place
from sagan_tf.runs.run_directory import RunError

_KNOWN = ("class", "seed", "class2", "seed2", "position", "truncation", "x", "y")
LARGEST_SEED = 2**53 - 1  # The largest integer that a browser's numbers hold exactly.

THRESHOLDS = (0.04, 2.0)  # Between which z may be truncated on the page.


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """A place between two images and the pixel (x, y) of the clicked point."""

    place: Place
    point: tuple[int, int]


def default_view(n_classes: int, resolution: int) -> View:
    """The first image of the first class, on the way to the next class, with the point in the middle."""
    return View(place=Place(classes=(0, 1 % n_classes), seeds=(0, 1)), point=(resolution // 2, resolution // 2))


def query_of(view: View, class_names: Sequence[str]) -> str:
    """The link's query, without the question mark: "class=eyes&seed=0&class2=wings&seed2=1&position=0.25&x=3&y=4"."""
    place = view.place
    values = {
        "class": class_names[place.classes[0]],
        "seed": place.seeds[0],
        "class2": class_names[place.classes[1]],
        "seed2": place.seeds[1],
        "position": f"{place.position:g}",
        "truncation": None if place.threshold is None else f"{place.threshold:g}",
        "x": view.point[0],
        "y": view.point[1],
    }
    return urlencode({name: value for name, value in values.items() if value is not None})


def file_name(view: View, class_names: Sequence[str]) -> str:
    """The name of a saved image: "eyes_0.png" at an end, "eyes_0_to_wings_1_at_0.25.png" between two images."""
    place = view.place
    ends = [
        f"{''.join(c if c.isalnum() or c in '-_' else '_' for c in class_names[label])}_{seed}"
        for label, seed in zip(place.classes, place.seeds, strict=True)
    ]
    where = {0.0: ends[0], 1.0: ends[1]}.get(place.position, f"{ends[0]}_to_{ends[1]}_at_{place.position:g}")
    return where + ("" if place.threshold is None else f"_truncated_{place.threshold:g}") + ".png"


def view_of(query: Mapping[str, str], class_names: Sequence[str], resolution: int) -> View:
    """The view that a link's query describes; what it leaves out is as in `default_view`.

    Classes may be names or indices.

    Raises:
      ValueError: for a name or value that the link must not hold, with the values that it may.
    """
    unknown = [name for name in query if name not in _KNOWN]
    if unknown:
        raise ValueError(f"a link must hold {', '.join(_KNOWN)} alone; received {', '.join(unknown)}.")
    start = default_view(len(class_names), resolution)
    position = _number(query, "position", float, start.place.position, 0, 1)
    threshold = _number(query, "truncation", float, start.place.threshold, *THRESHOLDS)
    place = Place(
        classes=tuple(_class(query, name, class_names, of) for name, of in _pair("class", start.place.classes)),
        seeds=tuple(_number(query, name, int, of, 0, LARGEST_SEED) for name, of in _pair("seed", start.place.seeds)),
        position=position,
        threshold=threshold,
    )
    point = tuple(_number(query, name, int, of, 0, resolution - 1) for name, of in zip("xy", start.point, strict=True))
    return View(place=place, point=point)


def _pair(name: str, values: tuple[int, int]) -> list[tuple[str, int]]:
    """The names of the first and the second image's value in the query, with their defaults."""
    return [(name, values[0]), (f"{name}2", values[1])]


def _class(query: Mapping[str, str], name: str, class_names: Sequence[str], default: int) -> int:
    if name not in query:
        return default
    try:
        return class_index(query[name], class_names)
    except RunError as error:
        raise ValueError(f"{name} in the link: {error}") from None


def _number(query: Mapping[str, str], name: str, kind: type, default, least: float, most: float):
    if name not in query:
        return default
    try:
        value = kind(query[name])
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        number = "an integer" if kind is int else "a number"
        raise ValueError(
            f"{name} must be {number} from {least} to {most}; received {name}={query[name]!r} in the link."
        )
    return value
