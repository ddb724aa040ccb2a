"""What D and G minimize together: the adversarial loss, the class term of an auxiliary head, and the penalties."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.objectives.losses import LOSSES, class_loss
from sagan_tf.objectives.penalties import OrthogonalForm, orthogonal
from sagan_tf.objectives.sigma_control import SigmaControl


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The adversarial loss by name, the weight of AC-GAN's class term, and BigGAN's penalties, all off by default.

    loss: "hinge" (SAGAN, BigGAN), "non_saturating", "saturating", "wasserstein" or "least_squares".
    class_weight: weight of the cross entropy when D has an auxiliary head.
    classify_fakes: whether D learns the classes of fakes too (Odena et al. 2017) or of real images only (StudioGAN).
    orthogonal, orthogonal_form: strength and form of G's orthogonal regularization; BigGAN 1e-4, "off_diagonal".
    r1: strength gamma of D's gradient penalty, (gamma / 2) E |grad D|^2; BigGAN's section 4.2 has 1e-3 to 10.
    likeness: weight of a term of G's loss, by how much its images of one class are more alike in shape than real ones
      (objectives/likeness.py). Of no paper; for short trainings, in which G would settle on one drawing per class.
    dropout: share of D's pooled features that training drops before the head, in D's and in G's update.
    sigma: what holds the top singular values of G's kernels (BigGAN, section 4.1), if anything.

    Raises:
      ValueError: for an unknown loss or form, a negative weight, or a dropout outside [0, 1).
    """

    loss: Literal["hinge", "non_saturating", "saturating", "wasserstein", "least_squares"] = "hinge"
    class_weight: float = 1.0
    classify_fakes: bool = True
    orthogonal: float = 0.0
    orthogonal_form: OrthogonalForm = "off_diagonal"
    r1: float = 0.0
    likeness: float = 0.0
    dropout: float = 0.0
    sigma: SigmaControl | None = None

    def __post_init__(self):
        check_choice("Objective", "loss", self.loss, LOSSES)
        check_choice("Objective", "orthogonal_form", self.orthogonal_form, get_args(OrthogonalForm))
        for name in ("class_weight", "orthogonal", "r1", "likeness"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative; received {name}={getattr(self, name)!r}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); received dropout={self.dropout!r}.")

    def discriminator(self, real, fake, y_real: tf.Tensor, y_fake: tf.Tensor) -> tf.Tensor:
        """D's loss from its verdicts on real and fake images: (B,) logits each -> scalar."""
        loss = LOSSES[self.loss].discriminator(real.logits, fake.logits)
        if real.class_logits is not None:
            loss += self.class_weight * class_loss(real.class_logits, y_real)
            if self.classify_fakes:
                loss += self.class_weight * class_loss(fake.class_logits, y_fake)
        return loss

    def generator(self, fake, y_fake: tf.Tensor) -> tf.Tensor:
        """G's loss from D's output on its images: (B,) logits -> scalar."""
        loss = LOSSES[self.loss].generator(fake.logits)
        if fake.class_logits is not None:
            loss += self.class_weight * class_loss(fake.class_logits, y_fake)
        return loss

    def on_kernels(self, kernels: Iterable[tf.Variable]) -> tf.Tensor:
        """The part of G's loss that looks at its kernels alone, a scalar; 0 where nothing is asked for."""
        values = [tf.convert_to_tensor(kernel) for kernel in kernels]
        loss = tf.zeros([])
        if self.orthogonal:
            loss += self.orthogonal * orthogonal(values, self.orthogonal_form)
        if self.sigma is not None and self.sigma.mode == "regularized":
            loss += self.sigma.penalty(values)
        return loss

    @property
    def clamps(self) -> bool:
        """Whether G's kernels are clamped after each of its updates."""
        return self.sigma is not None and self.sigma.mode == "clamped"
