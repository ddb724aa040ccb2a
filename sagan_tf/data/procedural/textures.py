"""Five procedural textures: classes that any small window of an image determines.

Each painter takes u (N, 8) in [0, 1) and a resolution R, and returns RGB (N, R, R, 3) in [0, 1].
"""

import numpy as np

from sagan_tf.data.procedural.drawing import between, blend, color, coverage, grid, rotated


def _two_colors(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A deep and a light color whose hues lie up to a fifth of the color wheel apart."""
    return color(u[:, 0], 0.38, 0.3), color(u[:, 0] + 0.2 * u[:, 1], 0.8, 0.18)


def _turned_grid(u: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The grid, rotated by any angle and shifted by up to half a unit."""
    x, y, pixel = grid(resolution)
    x, y = rotated(x, y, between(u[:, 2], 0, np.pi))
    return x + between(u[:, 3], -0.5, 0.5), y + between(u[:, 4], -0.5, 0.5), pixel


def stripes(u: np.ndarray, resolution: int) -> np.ndarray:
    """Straight stripes in any direction."""
    x, _, pixel = _turned_grid(u, resolution)
    period = between(u[:, 5], 0.4, 0.6)
    distance = (np.abs((x / period) % 1 - 0.5) - 0.25) * period
    deep, light = _two_colors(u)
    return blend(light, deep, coverage(distance, pixel))


def checks(u: np.ndarray, resolution: int) -> np.ndarray:
    """A checkerboard in any direction."""
    x, y, pixel = _turned_grid(u, resolution)
    side = between(u[:, 5], 0.36, 0.5)
    distance = np.sin(np.pi * x / side) * np.sin(np.pi * y / side) * side / np.pi
    deep, light = _two_colors(u)
    return blend(light, deep, coverage(distance, pixel))


def dots(u: np.ndarray, resolution: int) -> np.ndarray:
    """Discs on a square lattice in any direction."""
    x, y, pixel = _turned_grid(u, resolution)
    spacing = between(u[:, 5], 0.5, 0.66)
    from_center = np.hypot((x / spacing) % 1 - 0.5, (y / spacing) % 1 - 0.5) * spacing
    deep, light = _two_colors(u)
    return blend(deep, light, coverage(from_center - 0.31 * spacing, pixel))


def bricks(u: np.ndarray, resolution: int) -> np.ndarray:
    """Running bond: rows of upright bricks, every other row shifted by half a brick."""
    x, y, pixel = grid(resolution)
    height = between(u[:, 5], 0.36, 0.44)
    row = y / height + between(u[:, 4], 0, 1)
    x = x / (2 * height) + between(u[:, 3], 0, 1) + 0.5 * (np.floor(row) % 2)
    across = (0.5 - np.abs(x % 1 - 0.5)) * 2 * height
    along = (0.5 - np.abs(row % 1 - 0.5)) * height
    deep, _ = _two_colors(u)
    mortar = np.full((1, 1, 1, 3), 0.86, np.float32)
    return blend(deep, mortar, coverage(np.minimum(across, along) - 0.055, pixel))


def marble(u: np.ndarray, resolution: int) -> np.ndarray:
    """Soft veins: bands that two waves of other directions bend."""
    x, y, _ = _turned_grid(u, resolution)
    bend = np.sin(4.3 * x + between(u[:, 6], 0, 2 * np.pi)) + np.sin(5.1 * y + between(u[:, 7], 0, 2 * np.pi))
    wave = np.sin(between(u[:, 5], 3.2, 4.4) * (x + y) + 1.9 * bend)
    deep, light = _two_colors(u)
    return blend(deep, light, 0.5 + 0.5 * np.sin(0.5 * np.pi * wave))


TEXTURES = {"stripes": stripes, "checks": checks, "dots": dots, "bricks": bricks, "marble": marble}
