"""What D and G minimize together: the adversarial loss and, with an auxiliary head, the class term."""

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from sagan_tf.objectives.auxiliary import class_loss
from sagan_tf.objectives.losses import LOSSES


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The adversarial loss by name, and the weight of AC-GAN's class term.

    loss: "hinge" (SAGAN, BigGAN), "non_saturating", "saturating", "wasserstein" or "least_squares".
    class_weight: weight of the cross entropy when D has an auxiliary head.
    classify_fakes: whether D learns the classes of fakes too (Odena et al. 2017) or of real images only (StudioGAN).

    Raises:
      ValueError: for an unknown loss or a negative weight.
    """

    loss: Literal["hinge", "non_saturating", "saturating", "wasserstein", "least_squares"] = "hinge"
    class_weight: float = 1.0
    classify_fakes: bool = True

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; received loss={self.loss!r}.")
        if not self.class_weight >= 0:
            raise ValueError(f"class_weight must not be negative; received class_weight={self.class_weight!r}.")

    def discriminator(self, real, fake, y_real: tf.Tensor, y_fake: tf.Tensor) -> tf.Tensor:
        """D's loss from its verdicts on real and fake images: (B,) logits each -> scalar."""
        loss = LOSSES[self.loss].discriminator(real.logits, fake.logits)
        if real.class_logits is not None:
            loss += self.class_weight * class_loss(real.class_logits, y_real)
            if self.classify_fakes:
                loss += self.class_weight * class_loss(fake.class_logits, y_fake)
        return loss

    def generator(self, fake, y_fake: tf.Tensor) -> tf.Tensor:
        """G's loss from D's verdict on its images: (B,) logits -> scalar."""
        loss = LOSSES[self.loss].generator(fake.logits)
        if fake.class_logits is not None:
            loss += self.class_weight * class_loss(fake.class_logits, y_fake)
        return loss
