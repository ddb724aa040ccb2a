"""The top singular values of every kernel, BigGAN's most informative sign of an approaching collapse (section 4)."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

COUNT = 3
_WIDTH, _DEPTH = 4, 8
_FIRST_ROUNDS = 4


def top_singular_values(w: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The largest singular values of w by one round of block Lanczos iteration (Golub & Underwood 1977).

    An orthonormal basis of the space spanned by q, (W^T W) q, ..., (W^T W)^8 q is built, and the singular values of W
    restricted to it are computed. They never exceed the true ones, and are at least as good as those of `start`. Only
    products with W and W^T, thin QR and the SVD of a 36 x 36 matrix are needed: W^T W is never formed, and everything
    compiles under XLA. The paper uses Arnoldi iteration, which for the symmetric W^T W is Lanczos iteration.

    Shapes: w (I,O) with I and O above 36, start (O,4) orthonormal -> values (3,), descending, and a better start.
    """
    basis = block = start
    for _ in range(_DEPTH):
        block = tf.matmul(w, tf.matmul(w, block), transpose_a=True)
        for _ in range(3):  # if the space is exhausted, one or two passes leave rounding errors
            block = tf.linalg.qr(block - tf.matmul(basis, tf.matmul(basis, block, transpose_a=True))).q
        basis = tf.concat([basis, block], 1)
    sigmas, _, right = tf.linalg.svd(tf.linalg.qr(tf.matmul(w, basis)).r)
    return sigmas[:COUNT], tf.matmul(basis, right[:, :_WIDTH])


_MATRIX = tf.TensorSpec([None, None], tf.float32)  # one graph for the kernels of all shapes
_lanczos = tf.function(top_singular_values, input_signature=[_MATRIX, _MATRIX], autograph=False)


class Spectra:
    """The three largest singular values of each kernel, reshaped to a matrix (rest,out); fewer if it has fewer.

    kernels: by name, as stored and not W / sigma: BigGAN's Figure 3 shows them "before spectral normalization". The
      copies of replica 0 are read, without collectives.

    Each call starts from the vectors of the previous one; the first takes four rounds.
    """

    def __init__(self, kernels: Mapping[str, tf.Variable]):
        self._kernels = dict(kernels)
        self._starts: dict[str, tf.Tensor] = {}

    def __call__(self) -> dict[str, list[float]]:
        """The values by name, descending, in the order of the kernels."""
        return {name: [float(s) for s in self._top(name, kernel)] for name, kernel in self._kernels.items()}

    def _top(self, name: str, kernel: tf.Variable) -> np.ndarray:
        w = tf.reshape(tf.convert_to_tensor(kernel), [-1, kernel.shape[-1]])
        if min(w.shape) <= _WIDTH * (_DEPTH + 1):
            return tf.linalg.svd(w, compute_uv=False).numpy()[:COUNT]
        rounds = 1 if name in self._starts else _FIRST_ROUNDS
        start = self._starts[name] if name in self._starts else _orthonormal(w.shape[1])
        for _ in range(rounds):
            sigmas, start = _lanczos(w, start)
        self._starts[name] = start
        return sigmas.numpy()


def _orthonormal(rows: int) -> tf.Tensor:
    normal = np.random.default_rng(0).standard_normal((rows, _WIDTH))
    return tf.constant(np.linalg.qr(normal)[0], tf.float32)
