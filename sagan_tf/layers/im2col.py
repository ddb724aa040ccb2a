"""Convolutions as matrix products (im2col), for small maps and large kernels, where TensorFlow's own are slower.

A 4x4 convolution of stride 2 divides the map into 16 taps, each a quarter of the map: out = sum over t of tap_t(x) K_t,
with K_t (I,O) the kernel's t-th matrix. Its transpose computes the 16 taps y K_t^T and sums them into the map (col2im).
Both also take kernels whose matrices are transposed (`flip`), so that no kernel is ever transposed in memory. All of
them equal TensorFlow's "SAME" convolutions.

Shapes: B images per batch, H and W the sides of a map, I input and O output channels.
"""

import tensorflow as tf


def strided(x: tf.Tensor, kernel: tf.Tensor, *, flip: bool = False) -> tf.Tensor:
    """4x4 convolution of stride 2: x (B,2H,2W,I), kernel (4,4,I,O), or (4,4,O,I) if flipped, -> (B,H,W,O)."""

    @tf.custom_gradient
    def convolved(x, kernel):
        _, height, width, inputs = x.shape
        if flip:
            out = tf.reduce_sum(tf.matmul(taps(x), _matrices(kernel), transpose_b=True), 0)
        else:
            out = tf.matmul(_patches(x), tf.reshape(kernel, [16 * inputs, -1]))

        def gradients(d_out):
            return transposed(d_out, kernel, flip=not flip), _strided_kernel_gradient(x, d_out, flip=flip)

        return tf.reshape(out, [-1, height // 2, width // 2, out.shape[-1]]), gradients

    return convolved(x, kernel)


def transposed(y: tf.Tensor, kernel: tf.Tensor, *, flip: bool = False) -> tf.Tensor:
    """The transpose of `strided`: y (B,H,W,I), kernel (4,4,I,O), or (4,4,O,I) if flipped, -> (B,2H,2W,O)."""

    @tf.custom_gradient
    def convolved(y, kernel):
        _, height, width, inputs = y.shape
        out = tf.matmul(tf.reshape(y, [1, -1, inputs]), _matrices(kernel), transpose_b=flip)  # (16,B*H*W,O)

        def gradients(d_out):
            return strided(d_out, kernel, flip=not flip), _strided_kernel_gradient(d_out, y, flip=not flip)

        return sum_taps(out, height, width), gradients

    return convolved(y, kernel)


def kernel_gradient(x: tf.Tensor, d_out: tf.Tensor, size: int) -> tf.Tensor:
    """Kernel gradient of the SAME convolution of stride 1: the sum over all locations of patches of x times d_out.

    Shapes: x (B,H,W,I), d_out (B,H,W,O) -> (size,size,I,O).
    """
    _, height, width, inputs = x.shape
    border, outputs = [(size - 1) // 2, size // 2], d_out.shape[-1]  # "SAME" pads an even size by one more at the end
    rows = tf.reshape(d_out, [-1, outputs])  # (B*H*W,O)
    padded = tf.pad(x, [[0, 0], border, border, [0, 0]])
    windows = [padded[:, i : i + height, j : j + width] for i in range(size) for j in range(size)]
    parts = [tf.matmul(tf.reshape(part, [-1, inputs]), rows, transpose_a=True) for part in windows]  # (I,O) each
    return tf.reshape(tf.stack(parts), [size, size, inputs, outputs])


def _strided_kernel_gradient(x: tf.Tensor, y: tf.Tensor, *, flip: bool) -> tf.Tensor:
    """Kernel gradient of `strided`: x (B,2H,2W,I), gradient of the output y (B,H,W,O) -> (4,4,I,O) or (4,4,O,I)."""
    inputs, outputs = x.shape[-1], y.shape[-1]
    if flip:
        gradient = tf.matmul(tf.reshape(y, [1, -1, outputs]), taps(x), transpose_a=True)  # (16,O,I)
        return tf.reshape(gradient, [4, 4, outputs, inputs])
    gradient = tf.matmul(_patches(x), tf.reshape(y, [-1, outputs]), transpose_a=True)  # (16*I,O)
    return tf.reshape(gradient, [4, 4, inputs, outputs])


def taps(x: tf.Tensor) -> tf.Tensor:
    """The inputs of each entry of a 4x4 kernel of stride 2, zeros outside the map: (B,2H,2W,C) -> (16,B*H*W,C)."""
    return tf.transpose(tf.reshape(_patches(x), [-1, 16, x.shape[-1]]), [1, 0, 2])


def sum_taps(parts: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The transpose of `taps`, in which each location sums the taps that cover it: (16,B*H*W,C) -> (B,2H,2W,C)."""
    channels = parts.shape[-1]
    rows = _sum_along_axis(tf.reshape(parts, [4, -1, height, width * channels]))  # (4*B,H,2*W*C)
    both = _sum_along_axis(tf.reshape(rows, [4, -1, width, channels]))  # (B*2*H,W,2*C)
    return tf.reshape(both, [-1, 2 * height, 2 * width, channels])


def _sum_along_axis(parts: tf.Tensor) -> tf.Tensor:
    """Sums the taps of one axis: (4,N,S,C) -> (N,S,2*C), the even and the odd locations.

    The entries 0..3 of window n lie at the locations 2n-1..2n+2.
    """
    n = parts.shape[2]  # pad, then slice: in the opposite order, XLA on CPU miscompiled one of the tests' shapes
    first, second, third, last = tf.unstack(tf.pad(parts, [[0, 0], [0, 0], [1, 1], [0, 0]]))
    even = second[:, 1 : n + 1] + last[:, :n]  # last entry of the previous window
    odd = third[:, 1 : n + 1] + first[:, 2:]  # first entry of the next window
    return tf.concat([even, odd], -1)


def _patches(x: tf.Tensor) -> tf.Tensor:
    """(B,2H,2W,C) -> (B*H*W,16*C)."""
    patches = tf.image.extract_patches(x, [1, 4, 4, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
    return tf.reshape(patches, [-1, 16 * x.shape[-1]])


def _matrices(kernel: tf.Tensor) -> tf.Tensor:
    return tf.reshape(kernel, [16, *kernel.shape[2:]])
