"""How alike the images of one class are in shape, as a term of G's loss: what keeps variety within classes."""

import tensorflow as tf

_TINY = 1e-6


def likeness(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The mean correlation of two gray images of one class, over all pairs in the batch; 0 where there is no pair.

    Gray, the channels' mean, so that other hues, brightness or contrast are no variety. 1: each class is one drawing.
    Shapes: images (B,H,W,3), labels (B,) integers -> scalar in [-1,1], differentiable by the images.
    """
    gray = tf.reduce_mean(tf.cast(images, tf.float32), -1)  # (B,H,W)
    flat = tf.reshape(gray, [tf.shape(gray)[0], -1])
    flat -= tf.reduce_mean(flat, 1, keepdims=True)
    shapes = flat * tf.math.rsqrt(tf.reduce_sum(tf.square(flat), 1, keepdims=True) + _TINY)
    correlations = tf.matmul(shapes, shapes, transpose_b=True)  # (B,B)
    same = tf.cast(tf.equal(labels[:, None], labels[None]), tf.float32)
    pairs = tf.linalg.set_diag(same, tf.zeros_like(labels, tf.float32))
    return tf.math.divide_no_nan(tf.reduce_sum(correlations * pairs), tf.reduce_sum(pairs))


def excess_likeness(fake: tf.Tensor, y_fake: tf.Tensor, real: tf.Tensor, y_real: tf.Tensor) -> tf.Tensor:
    """By how much G's images of one class are more alike than the data's: max(0, likeness(fake) - likeness(real)).

    Diversity terms (Mao et al. 2019, Yang et al. 2019) reward the distance of two samples over that of their z, without
    an end and in colors as well; this one ends where the data's own variety is reached.
    """
    return tf.nn.relu(likeness(fake, y_fake) - tf.stop_gradient(likeness(real, y_real)))
