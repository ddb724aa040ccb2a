"""Five procedural structures: classes of two distant parts that must agree in hue, shape and position.

Each painter takes u (N, 8) in [0, 1) and a resolution R, and returns RGB (N, R, R, 3) in [0, 1]. Only background lies
between the parts, so that no small window sees both: each part can be predicted from the other one only, which is what
self-attention is for (Zhang et al. 2019, section 1).
"""

import numpy as np

from sagan_tf.data.procedural.drawing import between, blend, color, coverage, grid, rotated


def _paint(u: np.ndarray, layers: list[tuple[float, np.ndarray]]) -> np.ndarray:
    """Paints masks over a pale background, all in the image's hue, each with its own lightness."""
    picture = color(u[:, 1], 0.88, 0.07)
    for lightness, mask in layers:
        picture = blend(picture, color(u[:, 0], lightness, min(0.42, lightness, 1 - lightness)), mask)
    return picture


def eyes(u: np.ndarray, resolution: int) -> np.ndarray:
    """Two eyes, left and right, of one iris color and size, at one height."""
    x, y, pixel = grid(resolution)
    radius = between(u[:, 2], 0.3, 0.41)
    from_center = np.hypot(np.abs(x) - 0.55, y - between(u[:, 3], -0.45, 0.45))
    iris, rim, pupil = (coverage(from_center - radius * part, pixel) for part in (0.8, 1.0, 0.36))
    return _paint(u, [(0.12, rim), (0.5, iris), (0.05, pupil)])


def wings(u: np.ndarray, resolution: int) -> np.ndarray:
    """Two slanted ellipses, left and right, mirror images of one another."""
    x, y, pixel = grid(resolution)
    a, b = rotated(np.abs(x) - 0.57, y - between(u[:, 3], -0.25, 0.25), between(u[:, 4], -0.7, 0.7))
    long, short = between(u[:, 2], 0.5, 0.66), between(u[:, 5], 0.2, 0.26)
    scale = np.hypot(a / short, b / long)
    outer, inner = (coverage((scale - part) * short, pixel) for part in (1.0, 0.55))
    return _paint(u, [(0.35, outer), (0.68, inner)])


def rings(u: np.ndarray, resolution: int) -> np.ndarray:
    """Two rings, above and below, of one color, radius and width, at one horizontal position."""
    x, y, pixel = grid(resolution)
    from_center = np.hypot(x - between(u[:, 3], -0.45, 0.45), np.abs(y) - 0.56)
    radius, width = between(u[:, 2], 0.25, 0.33), between(u[:, 5], 0.08, 0.1)
    return _paint(u, [(0.45, coverage(np.abs(from_center - radius) - width, pixel))])


def corners(u: np.ndarray, resolution: int) -> np.ndarray:
    """Two squares of one color, size and tilt in opposite corners, on either diagonal."""
    x, y, pixel = grid(resolution)
    x = np.where(u[:, 6, None, None] < 0.5, x, -x)
    side = np.where(x + y < 0, np.float32(-1), np.float32(1))
    a, b = rotated(side * x - 0.54, side * y - 0.54, between(u[:, 4], -0.6, 0.6))
    distance = np.maximum(np.abs(a), np.abs(b)) - between(u[:, 2], 0.24, 0.36)
    return _paint(u, [(0.4, coverage(distance, pixel))])


def arrows(u: np.ndarray, resolution: int) -> np.ndarray:
    """Two triangles, left and right, that point at each other along one line."""
    x, y, pixel = grid(resolution)
    length, half = between(u[:, 2], 0.45, 0.6), between(u[:, 5], 0.3, 0.45)
    from_tip = np.abs(x) - between(u[:, 4], 0.24, 0.32)
    slope = half / length
    edge = (np.abs(y - between(u[:, 3], -0.4, 0.4)) - from_tip * slope) / np.sqrt(1 + slope**2)
    return _paint(u, [(0.42, coverage(np.maximum(edge, from_tip - length), pixel))])


STRUCTURES = {"eyes": eyes, "wings": wings, "rings": rings, "corners": corners, "arrows": arrows}
