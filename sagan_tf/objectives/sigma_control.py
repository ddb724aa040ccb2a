"""How BigGAN controls the top singular values of G's kernels (Brock et al. 2018, section 4.1): a penalty, a clamp."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.plain_numbers import store_plain_numbers

SigmaMode = Literal["clamped", "regularized"]
_ITERATIONS = 8


@dataclass(frozen=True, kw_only=True)
class SigmaControl:
    """Keeps the top singular value sigma_0 of each of G's kernels W near s: `value`, or `ratio` times the second one.

    mode: "clamped" replaces W after each update of G by W - max(0, sigma_0 - s) v_0 u_0^T (eq. 4, from memory: the
      paper's equation could not be recovered). "regularized" adds strength * (sigma_0 - s)^2 to G's loss; the paper
      gives neither the form nor the strength of its penalty, and the square is ours. No gradient flows through s, so
      that sigma_1 is not driven up.

    The paper found that neither prevents collapse.

    Raises:
      ValueError: for an unknown mode, a number that is not positive, or unless exactly one of `value` and `ratio` is
        given.
    """

    mode: SigmaMode = "clamped"
    value: float | None = None
    ratio: float | None = None
    strength: float = 1e-4

    def __post_init__(self):
        store_plain_numbers(self)
        check_choice("SigmaControl", "mode", self.mode, get_args(SigmaMode))
        if (self.value is None) == (self.ratio is None):
            raise ValueError(
                "SigmaControl must be given one of value and ratio; received "
                f"value={self.value!r}, ratio={self.ratio!r}."
            )
        for name in ("value", "ratio", "strength"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive; received {name}={getattr(self, name)!r}.")

    def penalty(self, kernels: Iterable[tf.Tensor]) -> tf.Tensor:
        """strength * sum of (sigma_0 - s)^2 over the kernels, [..., out] each -> scalar."""
        return self.strength * tf.add_n([tf.square(self._excess(_matrix(kernel))[0]) for kernel in kernels])

    def clamped(self, kernel: tf.Tensor) -> tf.Tensor:
        """W - max(0, sigma_0 - s) v_0 u_0^T, in the kernel's own shape [..., out]."""
        excess, v, u = self._excess(_matrix(kernel))
        return kernel - tf.reshape(tf.nn.relu(excess) * v[:, None] * u[None, :], kernel.shape)

    def _excess(self, w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """w (I,O) -> sigma_0 - s, a scalar that is differentiable through sigma_0 = v_0^T W u_0; v_0 (I,); u_0 (O,)."""
        sigmas, v, u = top_two(w)
        s = self.value if self.ratio is None else self.ratio * sigmas[1]
        return tf.tensordot(v, tf.linalg.matvec(w, u), 1) - s, v, u


def top_two(w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The two largest singular values (2,) of w (I,O), and the top singular vectors v (I,) and u (O,).

    Computed by subspace iteration on four vectors from a fixed start. No gradient flows through the results.
    """
    w = tf.stop_gradient(w)
    width = min(4, *w.shape)
    q = tf.constant(np.random.default_rng(0).standard_normal((w.shape[1], width), dtype=np.float32))
    for _ in range(_ITERATIONS):
        q = tf.linalg.qr(tf.matmul(w, tf.matmul(w, q), transpose_a=True)).q
    sigmas, left, right = tf.linalg.svd(tf.matmul(w, q))
    padded = tf.pad(sigmas, [[0, max(0, 2 - width)]])
    return padded[:2], left[:, 0], tf.linalg.matvec(q, right[:, 0])


def _matrix(kernel: tf.Tensor) -> tf.Tensor:
    return tf.reshape(kernel, [-1, kernel.shape[-1]])
