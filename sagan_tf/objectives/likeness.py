"""The similarity of the shapes in images of one class: a term of G's loss that preserves variety within classes."""

import tensorflow as tf

_TINY = 1e-12
_FAINT = 0.5  # images with less than this share of the real images' contrast are not scaled up to full contrast


def likeness(
    images: tf.Tensor, labels: tf.Tensor, classes: tf.Tensor, faint: tf.Tensor | float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean likeness of two images of each class in `classes`, over the batch's pairs, and whether it has a pair.

    The likeness of two images is 1 - |s - s'|^2 / 2, where s is the gray image (the mean of the channels), centered and
    divided by its norm. That is their correlation, so that hue, brightness and contrast don't count as variety. It is 1
    if the class is a single drawing.

    faint: a standard deviation of gray values. An image below it is divided by the norm that an image of this deviation
      has, so that blank images are alike, rather than as different as their noise.

    Shapes: images (B,H,W,3), labels (B,), classes (K,) integers -> (K,) in [-1,1], 0 without a pair; (K,) of 0 or 1.
    """
    flat = _centered(images)
    pixels = tf.cast(tf.shape(flat)[1], tf.float32)
    norms = tf.sqrt(tf.reduce_sum(tf.square(flat), 1, keepdims=True) + _TINY)
    shapes = flat / tf.maximum(norms, tf.maximum(faint, 1e-4) * tf.sqrt(pixels))
    squares = tf.reduce_sum(tf.square(shapes), 1)
    alike = 1 - (squares[:, None] + squares) / 2 + tf.matmul(shapes, shapes, transpose_b=True)  # (B,B)
    same = tf.cast(tf.equal(labels[:, None], labels[None]), tf.float32)
    pairs = tf.linalg.set_diag(same, tf.zeros_like(labels, tf.float32))
    row_sums = tf.reduce_sum(alike * pairs, 1)  # (B,)
    member = tf.cast(tf.equal(classes[:, None], labels[None]), tf.float32)  # (K,B)
    counts = tf.linalg.matvec(member, tf.reduce_sum(pairs, 1))
    return tf.math.divide_no_nan(tf.linalg.matvec(member, row_sums), counts), tf.cast(counts > 0, tf.float32)


def excess_likeness(fake: tf.Tensor, y_fake: tf.Tensor, real: tf.Tensor, y_real: tf.Tensor) -> tf.Tensor:
    """How much more alike G's images of a class are than real ones of that class.

    The mean over G's images of max(0, likeness(fake, y) - likeness(real, y)), where y is the image's class. Classes
    without a pair among the fakes or among the real images are not counted. No gradient flows through the likeness of
    the real images.

    The diversity terms of Mao et al. 2019 and Yang et al. 2019 reward the distance between two samples, relative to the
    distance between their z, without a limit and in colors too; this one is 0 once the variety of the data is reached.

    Shapes: images (B,H,W,3), labels (B,) integers -> scalar.
    """
    faint = _FAINT * tf.sqrt(tf.reduce_mean(tf.square(_centered(real))))
    of_fakes, has_fakes = likeness(fake, y_fake, y_fake, faint)
    of_data, has_data = likeness(real, y_real, y_fake, faint)
    known = has_fakes * has_data
    return tf.math.divide_no_nan(
        tf.reduce_sum(tf.nn.relu(of_fakes - tf.stop_gradient(of_data)) * known), tf.reduce_sum(known)
    )


def _centered(images: tf.Tensor) -> tf.Tensor:
    """Gray values around each image's mean: (B,H,W,3) -> (B,H*W)."""
    gray = tf.reduce_mean(tf.cast(images, tf.float32), -1)
    flat = tf.reshape(gray, [tf.shape(gray)[0], -1])
    return flat - tf.reduce_mean(flat, 1, keepdims=True)
