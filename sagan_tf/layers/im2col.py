"""Convolutions as products of matrices, for small maps under large kernels, where the library's own are slower.

A 4x4 convolution of stride 2 takes the map apart into 16 taps, each a quarter of the map: out = sum of tap_t(x) K_t,
with K_t (I,O) the kernel's t-th matrix. Its transpose makes the 16 taps y K_t^T and puts them together. Either also
comes with the kernel's matrices the other way round (`flip`), so that no kernel is ever transposed in memory. All of
them agree with TensorFlow's "SAME" convolutions.
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
    """Its transpose: y (B,H,W,I), kernel (4,4,I,O), or (4,4,O,I) if flipped, -> (B,2H,2W,O)."""

    @tf.custom_gradient
    def convolved(y, kernel):
        _, height, width, inputs = y.shape
        out = tf.matmul(tf.reshape(y, [1, -1, inputs]), _matrices(kernel), transpose_b=flip)  # (16,B*H*W,O)

        def gradients(d_out):
            return strided(d_out, kernel, flip=not flip), _strided_kernel_gradient(d_out, y, flip=not flip)

        return together(out, height, width), gradients

    return convolved(y, kernel)


def kernel_gradient(x: tf.Tensor, d_out: tf.Tensor, size: int) -> tf.Tensor:
    """Of the SAME convolution without stride: the sum over images and places of x's patches times d_out.

    Shapes: x (B,H,W,I), d_out (B,H,W,O) -> (size,size,I,O); size must be odd.
    """
    _, height, width, inputs = x.shape
    border, outputs = size // 2, d_out.shape[-1]
    rows = tf.reshape(d_out, [-1, outputs])  # (B*H*W,O)
    padded = tf.pad(x, [[0, 0], [border, border], [border, border], [0, 0]])
    places = [padded[:, i : i + height, j : j + width] for i in range(size) for j in range(size)]
    parts = [tf.matmul(tf.reshape(part, [-1, inputs]), rows, transpose_a=True) for part in places]  # (I,O) each
    return tf.reshape(tf.stack(parts), [size, size, inputs, outputs])


def _strided_kernel_gradient(x: tf.Tensor, y: tf.Tensor, *, flip: bool) -> tf.Tensor:
    """Of `strided`, from its x (B,2H,2W,I) and its output's gradient y (B,H,W,O): (4,4,I,O), flipped (4,4,O,I)."""
    inputs, outputs = x.shape[-1], y.shape[-1]
    if flip:
        gradient = tf.matmul(tf.reshape(y, [1, -1, outputs]), taps(x), transpose_a=True)  # (16,O,I)
        return tf.reshape(gradient, [4, 4, outputs, inputs])
    gradient = tf.matmul(_patches(x), tf.reshape(y, [-1, outputs]), transpose_a=True)  # (16*I,O)
    return tf.reshape(gradient, [4, 4, inputs, outputs])


def taps(x: tf.Tensor) -> tf.Tensor:
    """(B,2H,2W,C) -> (16,B*H*W,C): what each entry of a 4x4 kernel of stride 2 sees, zeros outside the map."""
    return tf.transpose(tf.reshape(_patches(x), [-1, 16, x.shape[-1]]), [1, 0, 2])


def together(parts: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The transpose of `taps`: (16,B*H*W,C) -> (B,2H,2W,C), each place the sum of the parts that lie on it."""
    channels = parts.shape[-1]
    rows = _along(tf.reshape(parts, [4, -1, height, width * channels]))  # (4*B,H,2*W*C)
    both = _along(tf.reshape(rows, [4, -1, width, channels]))  # (B*2*H,W,2*C)
    return tf.reshape(both, [-1, 2 * height, 2 * width, channels])


def _along(parts: tf.Tensor) -> tf.Tensor:
    """(4,N,S,C) -> (N,S,2*C), the even and the odd places along an axis of S windows, each of which has its entries
    0..3 at the places 2n-1..2n+2."""
    n = parts.shape[2]  # padded before it is cut: the other way round, XLA on CPU miscompiled one of the tests' shapes
    first, second, third, last = tf.unstack(tf.pad(parts, [[0, 0], [0, 0], [1, 1], [0, 0]]))
    even = second[:, 1 : n + 1] + last[:, :n]  # the last entry of the window before
    odd = third[:, 1 : n + 1] + first[:, 2:]  # the first entry of the window after
    return tf.concat([even, odd], -1)


def _patches(x: tf.Tensor) -> tf.Tensor:
    """(B,2H,2W,C) -> (B*H*W,16*C)."""
    patches = tf.image.extract_patches(x, [1, 4, 4, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
    return tf.reshape(patches, [-1, 16 * x.shape[-1]])


def _matrices(kernel: tf.Tensor) -> tf.Tensor:
    return tf.reshape(kernel, [16, *kernel.shape[2:]])
