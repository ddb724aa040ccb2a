"""The augmentation of a run: what D sees of images, and the state of an adaptive strength."""

from collections.abc import Sequence

import tensorflow as tf

from sagan_tf.objectives.augmentation import AdaptiveAugmentation, DiffAugment
from sagan_tf.training.latent_sampler import LatentSampler


class Augmenter:
    """Transforms images before D sees them, and adapts the strength; built inside the strategy's scope.

    options: None leaves images as they are, without drawing random numbers.
    adapts: whether the strength is adaptive.

    An adaptive strength p, and the signs and the number of the real images since it was last adjusted, are variables.
    They are float32, part of the training state, and the same on all replicas.
    """

    def __init__(self, options: DiffAugment | None = None):
        self.options = options
        self.adapts = isinstance(options, AdaptiveAugmentation)
        start = {"strength": options.strength, "signs": 0.0, "images": 0.0} if self.adapts else {}
        self._variables = {
            name: tf.Variable(value, dtype=tf.float32, trainable=False, name=f"augmentation_{name}")
            for name, value in start.items()
        }

    def variables(self) -> dict[str, tf.Variable]:
        """The state by name; empty unless the strength is adaptive."""
        return self._variables

    def strength(self) -> tf.Tensor:
        """The probability of each transformation now, a float32 scalar."""
        return tf.convert_to_tensor(self._variables["strength"] if self.adapts else float(self.options.strength))

    def noise(self, draw: LatentSampler, step: tf.Tensor, number: int, batches: int) -> tf.Tensor | None:
        """The random numbers of an update, (b,batches*n); None if images stay as they are.

        number: of the draw within the step. batches: 2 for D's update, which sees real and fake images, 1 for G's.
        """
        if self.options is None or not (self.adapts or self.options.strength):
            return None
        drawn = 1 if self.options.paired else batches
        noise = draw.augmentation(step, number, drawn * self.options.numbers)
        return tf.tile(noise, [1, batches // drawn])

    def __call__(self, images: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
        """What D sees of images (b,R,R,3). noise: (b,n), or None to leave them as they are."""
        return images if noise is None else self.options.apply(images, noise, self.strength())

    def real_and_fake(self, real: tf.Tensor, fake: tf.Tensor, noise: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """What D sees of real and fake images, (b,R,R,3) each. noise: (b,2n), or None."""
        if noise is None:
            return real, fake
        of_real, of_fake = tf.split(noise, 2, axis=1)
        return self(real, of_real), self(fake, of_fake)

    def penalized(self, original: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """The real images that R1's gradient is taken with respect to."""
        return seen if self.options is not None and self.options.r1_of == "augmented" else original

    def logs(self, logits_real: tf.Tensor) -> dict[str, tf.Tensor]:
        """What D's update logs: the mean sign of the logits (b,) of the real images, r_t, and the strength."""
        if self.options is None:
            return {}
        signs = tf.reduce_mean(tf.sign(logits_real))
        return {"augmentation_real_signs": signs, "augmentation_strength": self.strength()}

    def adapt(self, signs: Sequence[tf.Tensor], ok: Sequence[tf.Tensor], rows: int, step: tf.Tensor) -> None:
        """Counts a step's signs, and adjusts the strength after every `interval` steps.

        signs: of each of D's updates, the mean sign of the logits of this replica's real images, a scalar.
        ok: of each of D's updates, whether it was finite, a scalar bool; others are not counted.
        rows: the number of this replica's real images in an update. step: scalar int64, from 0.
        """
        context, counted = tf.distribute.get_replica_context(), tf.stack(ok)
        # Sums of signs are whole numbers, so that they don't depend on how the batch is divided.
        sums = tf.where(counted, tf.round(tf.stack(signs) * rows), 0.0)
        images = tf.reduce_sum(tf.cast(counted, tf.float32)) * (rows * context.num_replicas_in_sync)
        strength, before, images_before = (tf.convert_to_tensor(v) for v in self._variables.values())
        total, images = before + context.all_reduce("SUM", tf.reduce_sum(sums)), images_before + images
        due = tf.equal((step + 1) % self.options.interval, 0) & (images > 0)
        adjusted = self.options.adjusted(strength, tf.math.divide_no_nan(total, images), images)
        new = (tf.where(due, adjusted, strength), tf.where(due, 0.0, total), tf.where(due, 0.0, images))
        for variable, value in zip(self._variables.values(), new, strict=True):
            variable.assign(value)
