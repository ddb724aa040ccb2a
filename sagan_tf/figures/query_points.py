"""The query points whose attention is shown: given by the user, or chosen by a rule."""

import numpy as np


def parse_points(text: str, resolution: int) -> list[tuple[int, int]]:
    """ "x,y;x,y" in image pixels, x to the right and y downwards, each in [0, resolution).

    Raises:
      ValueError: for anything else.
    """
    points = []
    for word in text.split(";"):
        try:
            x, y = (int(number) for number in word.split(","))
        except ValueError:
            raise ValueError(f"--points must be x,y;x,y in whole pixels; received --points={text!r}.") from None
        if not (0 <= x < resolution and 0 <= y < resolution):
            raise ValueError(
                f"--points must be inside the image, 0 to {resolution - 1}; received the point {x},{y}. "
                "Count from the upper left corner."
            )
        points.append((x, y))
    return points


def location(point: tuple[int, int], resolution: int, side: int) -> tuple[int, int]:
    """The (row, column) of a feature map of `side` that an image's pixel (x, y) lies in."""
    x, y = point
    return y * side // resolution, x * side // resolution


def dot_center(index: int, side: int, radius: float) -> float:
    """The coordinate of the dot for location `index` of `side`: its center, or as near as the dot fits the image."""
    return min(max(index + 0.5, radius), side - radius)


def spread_points(maps: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Chooses `count` locations (row, column) whose maps (H,W,h,w) differ most from each other.

    The first has the most focused map (the least entropy); each further one has the greatest total variation distance
    (half the sum of absolute differences) to the nearest chosen one. Of ties, the first is taken.
    """
    height, width = maps.shape[:2]
    flat = maps.reshape(height * width, -1).astype(np.float64)
    entropy = -np.sum(flat * np.log(np.maximum(flat, 1e-12)), axis=1)
    chosen = [int(np.argmin(entropy))]
    nearest = np.full(len(flat), np.inf)
    while len(chosen) < min(count, len(flat)):
        nearest = np.minimum(nearest, 0.5 * np.abs(flat - flat[chosen[-1]]).sum(axis=1))
        nearest[chosen] = -1  # even if all maps are equal
        chosen.append(int(np.argmax(nearest)))
    return [divmod(index, width) for index in chosen]
