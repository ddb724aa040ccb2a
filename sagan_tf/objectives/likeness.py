"""How alike the images of one class are in shape, as a term of G's loss: what keeps variety within classes."""

import tensorflow as tf

_TINY = 1e-12
_FAINT = 0.5  # images of less than this share of the real ones' contrast are not scaled up to it


def likeness(
    images: tf.Tensor, labels: tf.Tensor, classes: tf.Tensor, faint: tf.Tensor | float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """How alike in shape two images of each class asked for are, the mean over the batch's pairs; whether it has any.

    Two images' likeness is 1 - |s - s'|^2 / 2, where s is the gray image, the channels' mean, centered and divided by
    its norm: then it is the correlation, and other hues, brightness or contrast are no variety. 1: the class is one
    drawing. faint: the deviation of gray values below which an image is divided by that of such an image instead, so
    that blank images are alike, and not as different as what noise they have.
    Shapes: images (B,H,W,3), labels (B,), classes (C,) integers -> (C,) in [-1,1], 0 without a pair; (C,) of 0 or 1.
    """
    flat = _centered(images)
    pixels = tf.cast(tf.shape(flat)[1], tf.float32)
    norms = tf.sqrt(tf.reduce_sum(tf.square(flat), 1, keepdims=True) + _TINY)
    shapes = flat / tf.maximum(norms, tf.maximum(faint, 1e-4) * tf.sqrt(pixels))
    squares = tf.reduce_sum(tf.square(shapes), 1)
    alike = 1 - (squares[:, None] + squares) / 2 + tf.matmul(shapes, shapes, transpose_b=True)  # (B,B)
    same = tf.cast(tf.equal(labels[:, None], labels[None]), tf.float32)
    pairs = tf.linalg.set_diag(same, tf.zeros_like(labels, tf.float32))
    of_row = tf.reduce_sum(alike * pairs, 1)  # (B,)
    asked = tf.cast(tf.equal(classes[:, None], labels[None]), tf.float32)  # (C,B)
    counts = tf.linalg.matvec(asked, tf.reduce_sum(pairs, 1))
    return tf.math.divide_no_nan(tf.linalg.matvec(asked, of_row), counts), tf.cast(counts > 0, tf.float32)


def excess_likeness(fake: tf.Tensor, y_fake: tf.Tensor, real: tf.Tensor, y_real: tf.Tensor) -> tf.Tensor:
    """By how much G's images of a class are more alike than the data's: the mean over G's images of
    max(0, likeness(fake, y) - likeness(real, y)), y the image's class; classes without a pair on a side don't count.

    Diversity terms (Mao et al. 2019, Yang et al. 2019) reward the distance of two samples over that of their z, without
    an end and in colors as well; this one ends where the data's own variety is reached.
    """
    faint = _FAINT * tf.sqrt(tf.reduce_mean(tf.square(_centered(real))))
    made, has_made = likeness(fake, y_fake, y_fake, faint)
    of_data, has_data = likeness(real, y_real, y_fake, faint)
    known = has_made * has_data
    return tf.math.divide_no_nan(
        tf.reduce_sum(tf.nn.relu(made - tf.stop_gradient(of_data)) * known), tf.reduce_sum(known)
    )


def _centered(images: tf.Tensor) -> tf.Tensor:
    """Gray values around each image's mean: (B,H,W,3) -> (B,H*W)."""
    gray = tf.reduce_mean(tf.cast(images, tf.float32), -1)
    flat = tf.reshape(gray, [tf.shape(gray)[0], -1])
    return flat - tf.reduce_mean(flat, 1, keepdims=True)
