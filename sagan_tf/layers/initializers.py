"""Seeded initial weights, which are the same under both Keras flavors and on every device."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

Initializer = Callable[..., np.ndarray]
InitializerName = Literal["glorot_uniform", "orthogonal", "normal"]


def _matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    """The shape of a kernel as a matrix [rest, out], in which all axes but the last are flattened."""
    return math.prod(shape[:-1]), shape[-1]


def glorot_uniform(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16); fans include the kernel's area."""
    area = math.prod(shape[:-2])
    limit = math.sqrt(6.0 / (area * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape)


def orthogonal(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Orthonormal rows or columns of the [rest, out] matrix, whichever are fewer (Saxe et al. 2014; BigGAN)."""
    rows, columns = _matrix_shape(shape)
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns)), dtype=np.float32))
    q = q * np.sign(np.diagonal(r))
    return (q if rows >= columns else q.T).reshape(shape)


def normal(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """N(0, 0.02^2), the DCGAN initializer that BigGAN-PyTorch's CIFAR-10 script uses."""
    return 0.02 * rng.standard_normal(shape)


def standard_normal(shape: Sequence[int], dtype=None) -> np.ndarray:
    """N(0, 1), the initial u of spectral normalization; equal for all u of one length."""
    return np.random.default_rng(0).standard_normal(tuple(shape), dtype=np.float32)


INITIALIZERS = {"glorot_uniform": glorot_uniform, "orthogonal": orthogonal, "normal": normal}


def seeded(name: InitializerName, seed: int | None, *, first: int = 0) -> Iterator[Initializer]:
    """An endless iterator of initializers for the kernels of one network, in the order of their construction.

    Each is a Keras initializer, called with (shape, dtype). The values of the n-th kernel depend on (seed, first + n)
    alone. Without a seed they are zeros, for networks whose weights are read from elsewhere (orthogonal ones are slow
    to draw).
    """
    if seed is None:
        yield from itertools.repeat(zeros)
    draw = INITIALIZERS[name]
    number = first
    while True:
        yield _initializer(draw, seed, number)
        number += 1


def zeros(shape: Sequence[int], dtype=None) -> np.ndarray:
    """Zeros in float32, whatever dtype Keras asks for."""
    return np.zeros(tuple(shape), np.float32)


def scaled(initializer: Initializer, gain: float) -> Initializer:
    """An initializer whose values are multiplied by a factor, such as SNGAN's sqrt(2) for 3x3 kernels."""
    return initializer if gain == 1 else lambda shape, dtype=None: np.float32(gain) * initializer(shape)


def shifted(center: float, initializer: Initializer) -> Initializer:
    """An initializer to whose values a constant is added, such as 1 for gains."""
    return lambda shape, dtype=None: np.float32(center) + initializer(shape)


def torch_biases(kernel_shapes: Mapping[str, Sequence[int]], seed: int, *, first: int = 0) -> dict[str, np.ndarray]:
    """PyTorch's default initial biases, U(-a, a) with a = 1 / sqrt(fan_in), for layers given by name and kernel shape.

    fan_in is the product of all axes of the kernel but the last. The values of the n-th layer depend on
    (seed, first + n) alone.
    """
    biases = {}
    for number, (name, shape) in enumerate(kernel_shapes.items(), first):
        rows, columns = _matrix_shape(shape)
        limit = 1 / math.sqrt(rows)
        biases[name] = np.random.default_rng((seed, number)).uniform(-limit, limit, columns).astype(np.float32)
    return biases


def _initializer(draw: Callable, seed: int, number: int) -> Initializer:
    def initializer(shape, dtype=None):
        return draw(np.random.default_rng((seed, number)), tuple(shape)).astype(np.float32)

    return initializer
