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
            patches = tf.reshape(_patches(x), [-1, 16 * inputs])  # (B*H*W,16*I)
            out = tf.matmul(patches, tf.reshape(kernel, [16 * inputs, -1]))

        def gradients(d_out):
            d_kernel = _over_taps(d_out, x) if flip else kernel_gradient(x, d_out, size=4, stride=2)
            return transposed(d_out, kernel, flip=not flip), tf.reshape(d_kernel, kernel.shape)

        return tf.reshape(out, [-1, height // 2, width // 2, out.shape[-1]]), gradients

    return convolved(x, kernel)


def transposed(y: tf.Tensor, kernel: tf.Tensor, *, flip: bool = False) -> tf.Tensor:
    """Its transpose: y (B,H,W,I), kernel (4,4,I,O), or (4,4,O,I) if flipped, -> (B,2H,2W,O)."""

    @tf.custom_gradient
    def convolved(y, kernel):
        _, height, width, inputs = y.shape
        out = tf.matmul(tf.reshape(y, [1, -1, inputs]), _matrices(kernel), transpose_b=flip)  # (16,B*H*W,O)

        def gradients(d_out):
            d_kernel = kernel_gradient(d_out, y, size=4, stride=2) if flip else _over_taps(y, d_out)
            return strided(d_out, kernel, flip=not flip), tf.reshape(d_kernel, kernel.shape)

        return together(out, height, width), gradients

    return convolved(y, kernel)


def kernel_gradient(x: tf.Tensor, d_out: tf.Tensor, *, size: int, stride: int) -> tf.Tensor:
    """Of the SAME convolution: the sum over images and places of x's patches times d_out.

    Shapes: x (B,H,W,I), d_out (B,H/stride,W/stride,O) -> (size,size,I,O); without stride, size must be odd.
    """
    _, height, width, inputs = x.shape
    outputs = d_out.shape[-1]
    rows = tf.reshape(d_out, [-1, outputs])  # (B*H/s*W/s,O)
    if stride == 2:
        gradient = tf.matmul(tf.reshape(_patches(x), [-1, 16 * inputs]), rows, transpose_a=True)
    else:
        border = size // 2
        padded = tf.pad(x, [[0, 0], [border, border], [border, border], [0, 0]])
        places = [padded[:, i : i + height, j : j + width] for i in range(size) for j in range(size)]
        gradient = tf.stack([tf.matmul(tf.reshape(part, [-1, inputs]), rows, transpose_a=True) for part in places])
    return tf.reshape(gradient, [size, size, inputs, outputs])


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


def _over_taps(y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Sum over images and places of y times each tap of x: y (B,H,W,I), x (B,2H,2W,O) -> (16,I,O)."""
    return tf.matmul(tf.reshape(y, [1, -1, y.shape[-1]]), taps(x), transpose_a=True)


def _patches(x: tf.Tensor) -> tf.Tensor:
    """(B,2H,2W,C) -> (B,H,W,16*C)."""
    return tf.image.extract_patches(x, [1, 4, 4, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")


def _matrices(kernel: tf.Tensor) -> tf.Tensor:
    return tf.reshape(kernel, [16, *kernel.shape[2:]])
