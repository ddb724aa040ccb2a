"""The objective of D and G: the adversarial loss, the class term of an auxiliary head, and the penalties."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.objectives.lecam import LeCam
from sagan_tf.objectives.losses import LOSSES, class_loss
from sagan_tf.objectives.penalties import OrthogonalForm, orthogonal
from sagan_tf.objectives.sigma_control import SigmaControl


class Output(Protocol):
    """D's output on a batch: `models.heads.DiscriminatorOutput`."""

    logits: tf.Tensor
    class_logits: tf.Tensor | None


@dataclass(frozen=True, kw_only=True)
class Objective:
    """The adversarial loss, the weight of AC-GAN's class term, and the penalties, all of which are off by default.

    loss: "hinge" (SAGAN, BigGAN), "non_saturating", "saturating", "kl" (an option of the released SAGAN code: D's
      logistic loss, and -mean D(G(z)) for G), "wasserstein" or "least_squares".
    class_weight: the weight of the cross entropy when D has an auxiliary head.
    classify_fakes: whether D also learns the classes of fakes (Odena et al. 2017) or those of real images only
      (StudioGAN).
    orthogonal, orthogonal_form: strength and form of G's orthogonal regularization; BigGAN uses 1e-4, "off_diagonal".
    r1: the strength gamma of D's gradient penalty, (gamma / 2) E |grad D|^2; BigGAN's section 4.2 tries 1e-3 to 10.
    likeness: the weight of a term of G's loss that penalizes images of one class for being more alike in shape than
      real ones are (objectives/likeness.py). It does not come from a paper. It helps in short runs, in which G would
      otherwise collapse to one drawing per class.
    dropout: the share of D's pooled features that is dropped before the head, in D's and in G's update.
    lecam: a term of D's loss that keeps its logits close to their moving averages, for small data sets; None for no
      such term.
    sigma: how the top singular values of G's kernels are controlled (BigGAN, section 4.1); None leaves them free.

    Raises:
      ValueError: for an unknown loss or form, a negative weight, or a dropout outside [0, 1).
    """

    loss: Literal["hinge", "non_saturating", "saturating", "kl", "wasserstein", "least_squares"] = "hinge"
    class_weight: float = 1.0
    classify_fakes: bool = True
    orthogonal: float = 0.0
    orthogonal_form: OrthogonalForm = "off_diagonal"
    r1: float = 0.0
    likeness: float = 0.0
    dropout: float = 0.0
    lecam: LeCam | None = None
    sigma: SigmaControl | None = None

    def __post_init__(self):
        store_plain_numbers(self)
        check_choice("Objective", "loss", self.loss, LOSSES)
        check_choice("Objective", "orthogonal_form", self.orthogonal_form, get_args(OrthogonalForm))
        for name in ("class_weight", "orthogonal", "r1", "likeness"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative; received {name}={getattr(self, name)!r}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1); received dropout={self.dropout!r}.")

    def adversarial(self, real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The terms of D's adversarial loss on real and on fake images, from their logits.

        Shapes: (B,), (B,) -> two scalars. Class terms and penalties are not part of them.
        """
        loss = LOSSES[self.loss]
        return loss.real(real), loss.fake(fake)

    def discriminator(self, real: Output, fake: Output, y_real: tf.Tensor, y_fake: tf.Tensor) -> tf.Tensor:
        """D's loss from its output on real and on fake images.

        Shapes: logits (B,), class logits (B,n_classes) or None, labels (B,) -> scalar.
        """
        loss = LOSSES[self.loss].discriminator(real.logits, fake.logits)
        if real.class_logits is not None:
            loss += self.class_weight * class_loss(real.class_logits, y_real)
            if self.classify_fakes:
                loss += self.class_weight * class_loss(fake.class_logits, y_fake)
        return loss

    def generator(self, fake: Output, y_fake: tf.Tensor) -> tf.Tensor:
        """G's loss from D's output on G's images.

        Shapes: logits (B,), class logits (B,n_classes) or None, labels (B,) -> scalar.
        """
        loss = LOSSES[self.loss].generator(fake.logits)
        if fake.class_logits is not None:
            loss += self.class_weight * class_loss(fake.class_logits, y_fake)
        return loss

    def on_kernels(self, kernels: Iterable[tf.Variable]) -> tf.Tensor:
        """The part of G's loss that depends on its kernels alone, a scalar; 0 if all of these penalties are off."""
        values = [tf.convert_to_tensor(kernel) for kernel in kernels]
        loss = tf.zeros([])
        if self.orthogonal:
            loss += self.orthogonal * orthogonal(values, self.orthogonal_form)
        if self.sigma is not None and self.sigma.mode == "regularized":
            loss += self.sigma.penalty(values)
        return loss

    def clamped(self, kernels: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """G's kernels by name as `sigma` clamps them, in their own shapes."""
        return {name: self.sigma.clamped(kernel) for name, kernel in kernels.items()}

    @property
    def clamps(self) -> bool:
        """Whether G's kernels are clamped after each of its updates."""
        return self.sigma is not None and self.sigma.mode == "clamped"
