"""Augmentation of what D sees, which keeps it from memorizing a small data set: its options, and their application.

D never sees an untransformed image: real and generated images pass through the same random transformations, in D's and
in G's update, and G receives gradients through them, since they are differentiable. As long as the distribution of the
augmented images determines that of the original images, G learns to generate images that are not augmented (Karras et
al. 2020, section 2). This holds for transformations that are applied with a probability below 1; that of flips and
turns should stay below about 0.8, since at 1 flipped and unflipped images are equally frequent.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.objectives.transformations import GROUPS, TRANSFORMATIONS

R1Of = Literal["original", "augmented"]


@dataclass(frozen=True, kw_only=True)
class DiffAugment:
    """Differentiable augmentation of real and generated images with fixed strength (Zhao et al. 2020).

    transformations: names, applied in this order: "color" (brightness, saturation and contrast, which may be named one
      by one), "translation", "cutout", "flip", "quarter_turn"; see objectives/transformations.py. The paper uses all
      three of the default for about a hundred images, ("translation", "cutout") for BigGAN on CIFAR, and
      ("translation",) on ImageNet.
    strength: the probability, from 0 to 1, with which each transformation is applied to an image, each independently
      of the others and of other images. The paper's is 1; 0 leaves images as they are, bit for bit.
    paired: whether the n-th real and the n-th generated image of D's update get the same transformation. All released
      implementations draw them independently; the paper (section 3.2) asks for the same distribution, not for the same
      draw.
    r1_of: the images that R1's gradient is taken with respect to: "original" (through the transformations, as in ADA's
      code and in DiffAugment's for a hundred images) or "augmented" (what D sees, as in DiffAugment's for CIFAR, FFHQ
      and LSUN).

    Raises:
      ValueError: for no or an unknown transformation, one named twice, a strength outside [0, 1], or an unknown choice.
    """

    transformations: tuple[str, ...] = ("color", "translation", "cutout")
    strength: float = 1.0
    paired: bool = False
    r1_of: R1Of = "original"

    def __post_init__(self):
        store_plain_numbers(self)
        owner = type(self).__name__
        if not self.transformations or not isinstance(self.transformations, tuple):
            raise ValueError(
                f"{owner}.transformations must be a tuple of at least one name; received transformations="
                f"{self.transformations!r}. To train without augmentation, set train.augmentation=None."
            )
        for name in self.transformations:
            check_choice(owner, "transformations", name, (*GROUPS, *TRANSFORMATIONS))
        if len(set(self.steps)) < len(self.steps):
            raise ValueError(
                f"{owner}.transformations must name each transformation once; received transformations="
                f'{self.transformations!r}. "color" includes {", ".join(GROUPS["color"])}.'
            )
        _check_share(owner, "strength", self.strength)
        if not isinstance(self.paired, bool):
            raise ValueError(f"{owner}.paired must be True or False; received paired={self.paired!r}.")
        check_choice(owner, "r1_of", self.r1_of, get_args(R1Of))

    @property
    def steps(self) -> tuple[str, ...]:
        """The transformations one by one, in their order."""
        return tuple(step for name in self.transformations for step in GROUPS.get(name, (name,)))

    @property
    def numbers(self) -> int:
        """The number of uniform random numbers for one image: for each transformation, one that decides whether it is
        applied, and those that it uses."""
        return sum(1 + TRANSFORMATIONS[step].numbers for step in self.steps)

    def apply(self, images: tf.Tensor, noise: tf.Tensor, strength: tf.Tensor | float) -> tf.Tensor:
        """The augmented images, (B,R,R,3) float32.

        images: (B,R,R,3) in [-1,1]. noise: (B,numbers) independent and uniform in (0,1).
        strength: the probability of each transformation, a scalar in [0, 1].
        """
        start = 0
        for step in self.steps:
            transformation = TRANSFORMATIONS[step]
            end = start + 1 + transformation.numbers
            chosen = tf.reshape(noise[:, start] < strength, [-1, 1, 1, 1])
            images = tf.where(chosen, transformation.apply(images, noise[:, start + 1 : end]), images)
            start = end
        return images


@dataclass(frozen=True, kw_only=True)
class AdaptiveAugmentation(DiffAugment):
    """Augmentation whose strength p adapts to how far D memorizes its images (Karras et al. 2020, ADA).

    The sign of D's logit, averaged over the real images of `interval` steps, r_t = E[sign D(x)], is near 0 where D
    can't tell real images from generated ones, and 1 where it is always right about the real ones. After every
    `interval` steps p rises if r_t is above `target`, falls if it is below, and stays if it is equal; each time by the
    number of real images that D saw in these steps over `ramp_images`.

    Transformations are DiffAugment's with flips and right-angle turns before them, in ADA's order (geometry, color,
    cutout). ADA's own set also scales, rotates by any angle, and turns hues, and has no cutout by default.

    strength: p at the start; afterwards it is part of the training state.
    target: the target for r_t, between -1 and 1. It is 0.6 in the paper and its code.
    ramp_images: how many real images it takes for p to get from 0 to 1, at least 1. The paper's is 500,000.
    interval: steps between two adjustments, at least 1. The paper's is 4.
    max_strength: the largest p. The paper keeps p in [0, 1]; its code has no upper limit, so that p above 1 has no
      further effect but takes time to come down. Here p never exceeds 1. The paper finds no leaks below 0.8.

    Raises:
      ValueError: as for `DiffAugment`, and for a number out of its range.
    """

    transformations: tuple[str, ...] = ("flip", "quarter_turn", "translation", "color", "cutout")
    strength: float = 0.0
    target: float = 0.6
    ramp_images: int = 500_000
    interval: int = 4
    max_strength: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        owner = type(self).__name__
        _check_share(owner, "max_strength", self.max_strength)
        if self.strength > self.max_strength:
            raise ValueError(
                f"{owner}.strength must not exceed max_strength; received strength={self.strength!r}, max_strength="
                f"{self.max_strength!r}. Strength is where p starts; 0 is the paper's."
            )
        if not -1 < self.target < 1:
            raise ValueError(f"{owner}.target must be between -1 and 1; received target={self.target!r}. Try 0.6.")
        for name in ("ramp_images", "interval"):
            check_integer(name, getattr(self, name), 1, owner=owner)

    def adjusted(self, strength: tf.Tensor, mean_sign: tf.Tensor, images: tf.Tensor | float) -> tf.Tensor:
        """p after an adjustment, in [0, max_strength].

        strength: p. mean_sign: r_t. images: how many real images r_t is the mean over. All are scalars.
        """
        change = tf.sign(mean_sign - self.target) * tf.cast(images, tf.float32) / self.ramp_images
        return tf.clip_by_value(strength + change, 0.0, self.max_strength)


def _check_share(owner: str, name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(
            f"{owner}.{name} must be a probability, from 0 to 1; received {name}={value!r}. At 1 every image is "
            "transformed, at 0 none is."
        )
