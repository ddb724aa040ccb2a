"""Memorization: has the discriminator memorized its training images? (Brock et al. 2018, section 4.2)"""

from collections.abc import Callable

import numpy as np

from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.foundation.progress import Progress


def share_called_real(
    discriminate: Callable[[np.ndarray, np.ndarray], np.ndarray], images: ImageSet, *, progress: bool = True
) -> float:
    """The share of real images that get a logit above 0, in [0,1].

    BigGAN's discriminator classified over 98% of its training images as real, but only 50-55% of the validation images:
    it had memorized the former.

    discriminate: the discriminator in inference mode, (images (B,R,R,3) in [-1,1], labels (B,)) -> logits (B,).
    """
    called_real = 0
    with Progress(total=images.count, title=images.name, unit="image", quiet=not progress) as bar:
        for batch, labels in images.batches(0):
            called_real += int((discriminate(batch, labels) > 0).sum())
            bar.update(len(batch))
    return called_real / images.count
