"""The state of the explorer's page as the query of a link, which restores it."""

import dataclasses
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from sagan_tf.foundation.file_names import in_file_name
from sagan_tf.foundation.option_names import THRESHOLDS
from sagan_tf.runs.class_index import class_index
from sagan_tf.runs.explorer import LatentPoint
from sagan_tf.runs.run_directory import RunError

_KNOWN = ("class", "seed", "class2", "seed2", "position", "truncation", "x", "y")
LARGEST_SEED = 2**53 - 1  # the largest integer that JavaScript's numbers hold exactly

SMALLEST_THRESHOLD, LARGEST_THRESHOLD = min(THRESHOLDS), max(THRESHOLDS)  # of z's truncation on the page
_MOST_BYTES = 60  # of each of the two classes in a file name, which has at most 255 bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class PageState:
    """What the page shows: a point between two images, and the pixel (x, y) that was clicked."""

    latent: LatentPoint
    point: tuple[int, int]


def default_state(n_classes: int, resolution: int) -> PageState:
    """The first image of the first class, on the path to the next class, with the pixel in the middle."""
    return PageState(
        latent=LatentPoint(classes=(0, 1 % n_classes), seeds=(0, 1)), point=(resolution // 2, resolution // 2)
    )


def query_of(state: PageState, class_names: Sequence[str]) -> str:
    """The link's query, without question mark: "class=eyes&seed=0&class2=wings&seed2=1&position=0.25&x=3&y=4"."""
    latent = state.latent
    values = {
        "class": class_names[latent.classes[0]],
        "seed": latent.seeds[0],
        "class2": class_names[latent.classes[1]],
        "seed2": latent.seeds[1],
        "position": f"{latent.position:g}",
        "truncation": None if latent.threshold is None else f"{latent.threshold:g}",
        "x": state.point[0],
        "y": state.point[1],
    }
    return urlencode({name: value for name, value in values.items() if value is not None})


def file_name(state: PageState, class_names: Sequence[str]) -> str:
    """The file name of a saved image: "eyes_0.png" at an end, "eyes_0_to_wings_1_at_0.25.png" in between."""
    latent = state.latent
    ends = [
        f"{in_file_name(class_names[label], _MOST_BYTES)}_{seed}"
        for label, seed in zip(latent.classes, latent.seeds, strict=True)
    ]
    where = {0.0: ends[0], 1.0: ends[1]}.get(latent.position, f"{ends[0]}_to_{ends[1]}_at_{latent.position:g}")
    return where + ("" if latent.threshold is None else f"_truncated_{latent.threshold:g}") + ".png"


def state_of(
    query: Mapping[str, str],
    class_names: Sequence[str],
    resolution: int,
    *,
    largest_threshold: float | None = LARGEST_THRESHOLD,
) -> PageState:
    """Parses the query of a link; what it leaves out is as in `default_state`. Classes may be names or indices.

    largest_threshold: up to which z may be truncated; None if the run's prior can't be.

    Raises:
      ValueError: for an unknown name or a value that is not allowed, with those that are.
    """
    unknown = [name for name in query if name not in _KNOWN]
    if unknown:
        raise ValueError(f"a link must contain only {', '.join(_KNOWN)}; received {', '.join(unknown)}.")
    start = default_state(len(class_names), resolution)
    position = _number(query, "position", float, start.latent.position, 0, 1)
    if largest_threshold is None and "truncation" in query:
        raise ValueError(
            "truncation must be left out of the link, since this run's prior is not normal; received "
            f"truncation={query['truncation']!r}."
        )
    threshold = _number(query, "truncation", float, None, SMALLEST_THRESHOLD, largest_threshold)
    latent = LatentPoint(
        classes=tuple(_class(query, name, class_names, of) for name, of in _pair("class", start.latent.classes)),
        seeds=tuple(_number(query, name, int, of, 0, LARGEST_SEED) for name, of in _pair("seed", start.latent.seeds)),
        position=position,
        threshold=threshold,
    )
    point = tuple(_number(query, name, int, of, 0, resolution - 1) for name, of in zip("xy", start.point, strict=True))
    return PageState(latent=latent, point=point)


def _pair(name: str, values: tuple[int, int]) -> list[tuple[str, int]]:
    """The names of the first and the second image's value in the query, with their defaults."""
    return [(name, values[0]), (f"{name}2", values[1])]


def _class(query: Mapping[str, str], name: str, class_names: Sequence[str], default: int) -> int:
    if name not in query:
        return default
    if query[name] in class_names:  # links hold names, which may be the digits of another class's index
        return class_names.index(query[name])
    try:
        return class_index(query[name], class_names)
    except RunError as error:
        raise ValueError(f"{name} in the link: {error}") from None


def _number(query: Mapping[str, str], name: str, kind: type, default, least: float, most: float | None):
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
