"""How alike the images of one class are in shape, as a term of G's loss: what keeps variety within classes."""

import tensorflow as tf

_TINY = 1e-6


def likeness(images: tf.Tensor, labels: tf.Tensor, classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean correlation of two gray images of each class asked for, over the batch's pairs, and whether it has any.

    Gray, the channels' mean, so that other hues, brightness or contrast are no variety. 1: the class is one drawing.
    Shapes: images (B,H,W,3), labels (B,), classes (C,) integers -> (C,) in [-1,1], 0 without a pair; (C,) of 0 or 1.
    """
    gray = tf.reduce_mean(tf.cast(images, tf.float32), -1)  # (B,H,W)
    flat = tf.reshape(gray, [tf.shape(gray)[0], -1])
    flat -= tf.reduce_mean(flat, 1, keepdims=True)
    shapes = flat * tf.math.rsqrt(tf.reduce_sum(tf.square(flat), 1, keepdims=True) + _TINY)
    same = tf.cast(tf.equal(labels[:, None], labels[None]), tf.float32)
    pairs = tf.linalg.set_diag(same, tf.zeros_like(labels, tf.float32))
    of_row = tf.reduce_sum(tf.matmul(shapes, shapes, transpose_b=True) * pairs, 1)  # (B,)
    asked = tf.cast(tf.equal(classes[:, None], labels[None]), tf.float32)  # (C,B)
    counts = tf.linalg.matvec(asked, tf.reduce_sum(pairs, 1))
    return tf.math.divide_no_nan(tf.linalg.matvec(asked, of_row), counts), tf.cast(counts > 0, tf.float32)


def excess_likeness(fake: tf.Tensor, y_fake: tf.Tensor, real: tf.Tensor, y_real: tf.Tensor) -> tf.Tensor:
    """By how much G's images of a class are more alike than the data's: the mean over G's images of
    max(0, likeness(fake, y) - likeness(real, y)), y the image's class; classes without a pair on a side don't count.

    Diversity terms (Mao et al. 2019, Yang et al. 2019) reward the distance of two samples over that of their z, without
    an end and in colors as well; this one ends where the data's own variety is reached.
    """
    made, has_made = likeness(fake, y_fake, y_fake)
    of_data, has_data = likeness(real, y_real, y_fake)
    known = has_made * has_data
    return tf.math.divide_no_nan(
        tf.reduce_sum(tf.nn.relu(made - tf.stop_gradient(of_data)) * known), tf.reduce_sum(known)
    )
