"""Drawing for the procedural data set: counter-based random numbers, colors, coordinates and antialiased masks.

Shapes: N images of R x R pixels.
"""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    """Finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014), a bijection of 64-bit integers."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniforms(seed: int, indices: np.ndarray, count: int) -> np.ndarray:
    """`count` uniform numbers in [0, 1) per index (N,) -> float64 (N, count), a pure function of (seed, index)."""
    with np.errstate(over="ignore"):
        key = _mix(np.asarray([seed % 2**64], np.uint64) + _GOLDEN)
        rows = _mix(key ^ _mix(np.asarray(indices, np.uint64) * _GOLDEN + np.uint64(1)))
        cells = _mix(rows[:, None] + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN)
    return (cells >> np.uint64(11)) * 2.0**-53


def between(u: np.ndarray, low: float, high: float) -> np.ndarray:
    """Maps u (N,) in [0, 1) to [low, high), with shape (N, 1, 1) to broadcast against a grid (1, R, R)."""
    return (low + (high - low) * u).astype(np.float32)[:, None, None]


def grid(resolution: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Pixel centers x (1, 1, R) and y (1, R, 1) in (-1, 1), x to the right and y downwards, and the pixel width."""
    axis = ((np.arange(resolution, dtype=np.float32) + 0.5) * 2 / resolution - 1).astype(np.float32)
    return axis[None, None, :], axis[None, :, None], 2 / resolution


def rotated(x: np.ndarray, y: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in axes rotated by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


def coverage(distance: np.ndarray, pixel: float) -> np.ndarray:
    """The antialiased mask in [0, 1] of the region with negative signed distance."""
    return np.clip(0.5 - distance / pixel, 0.0, 1.0)


def color(hue: np.ndarray, lightness: float, chroma: float) -> np.ndarray:
    """A smooth color wheel: hue (N,) in turns -> RGB (N, 1, 1, 3) in [0, 1]."""
    phase = 2 * np.pi * (np.asarray(hue)[:, None] + np.array([0.0, -1 / 3, 1 / 3]))
    return np.clip(lightness + chroma * np.cos(phase), 0.0, 1.0).astype(np.float32)[:, None, None, :]


def blend(below: np.ndarray, above: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Paints `above` over `below` where mask (N, R, R) is 1 -> (N, R, R, 3)."""
    return below + (above - below) * mask[..., None]
