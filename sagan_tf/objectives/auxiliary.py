"""AC-GAN's class term (Odena et al. 2017, eq. 2)."""

import tensorflow as tf


def class_loss(class_logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy of the labels under D's class logits. Shapes: (B,n_classes), y (B,) -> scalar, in nats."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=class_logits))
