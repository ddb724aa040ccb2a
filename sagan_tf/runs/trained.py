"""A trained run as one object: its networks, its samplers and its images. All verbs draw images through it."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import get_args

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_aliases import class_aliases
from sagan_tf.foundation.choices import check_choice
from sagan_tf.foundation.option_names import Statistics
from sagan_tf.foundation.spelling import counted
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import BakedGenerator, bake, fold
from sagan_tf.runs.class_index import Class, class_index
from sagan_tf.runs.default_statistics import default_statistics
from sagan_tf.runs.kept_statistics import kept_or_gathered
from sagan_tf.runs.published_statistics import MODE, check_published, published_statistics
from sagan_tf.runs.restored import restore, restored_discriminator
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.sampling.attention_maps import attention_maps
from sagan_tf.sampling.sampler import Sampler, Truncation, check_latents
from sagan_tf.sampling.seeds import SeededLatents, checked_seeds, image_seeds
from sagan_tf.sampling.standing_statistics import StandingStatistics


class TrainedModel:
    """The networks of one of a run's checkpoints.

    ```
    model = sagan_tf.load("RUN")
    images = model.images([3, "cat"], seed=7, truncation=0.5)        # uint8 (2,R,R,3)
    ```

    Attributes:
      run, spec, class_names, latent: the run, its networks' description, its classes, and the name of its prior.
      titles: readable names of the classes: "golden retriever" for ImageNet's n02099601.
      generator: G with the checkpoint's weights.
      step: the checkpoint's step.
      averaged: whether G's weights are the moving average.
      weights_hash: of the checkpoint's files.
      published: the statistics that were published with imported weights, or None.
      truncation_mode: the meaning of a truncation that is given as a number: BigGAN's, or that of the published
        modules.
    """

    def __init__(
        self,
        run: RunDirectory | Path | str,
        *,
        average: bool | None = None,
        step: int | None = None,
        statistics: Statistics | None = None,
        standing_passes: int = 100,
    ):
        """Reads the checkpoint.

        Args:
          run: a run directory.
          average: use the moving average of G or its raw weights; None: the average if the run keeps one.
          step: the checkpoint's step; None: the newest good one.
          statistics: the statistics of G's batch norms: training's "moving" averages, the "batch"'s own moments (an
            image then depends on its batch), "standing" statistics, gathered for each truncation, or the "published"
            ones of imported weights; None: see `default_statistics`.
          standing_passes: the number of forward passes for standing statistics.

        Raises:
          RunError: if there is no run or no checkpoint, or an average or published statistics are asked for and the
            run has none.
          ValueError: for unknown statistics.
        """
        self.run = run if isinstance(run, RunDirectory) else RunDirectory.open(run)
        settings = self.run.experiment()
        self.class_names = self.run.class_names
        self.titles = class_aliases(self.class_names).titles
        self.latent = settings.latent
        self.averaged = settings.average is not None if average is None else average
        if self.averaged and settings.average is None:
            raise RunError(f"the run in {self.run.path} has no moving average of G. Leave --average out.")
        self.spec = self.run.spec()
        if statistics is not None:
            check_choice("", "statistics", statistics, get_args(Statistics))
            inference = "batch" if statistics == "batch" else "moving"
            self.spec = dataclasses.replace(self.spec, inference_statistics=inference)
        self.generator = Generator(self.spec, numerics=settings.numerics, seed=None)
        self.generator.gray = self.run.gray
        self.step = restore(self.run, self.generator, "average" if self.averaged else "generator", step)
        self.weights_hash = self.run.weights_hash(self.step)  # now, since training may remove the checkpoint
        self.published = published_statistics(self.run, self.step)
        if statistics == "published":
            check_published(self.published, self.run, self.step)
        self.truncation_mode = MODE if self.published else "resampled"
        self.standing_passes = standing_passes
        self._statistics = statistics
        self._samplers: dict[Truncation | None, Sampler] = {}

    def __repr__(self) -> str:
        side, names = self.spec.resolution, self.titles
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        classes = f"{counted(len(names), 'class')} ({shown})" if self.has_classes else "no classes"
        weights = "averaged" if self.averaged else "raw"
        return (
            f"<TrainedModel of {self.run.path}: {side}x{side} pixels, {classes}, step {self.step}, {weights} weights>"
        )

    @property
    def has_discriminator(self) -> bool:
        """Whether the checkpoint holds D; that of an imported generator may not."""
        return "discriminator" in self.run.checkpoints().groups(self.step)

    @property
    def has_classes(self) -> bool:
        """Whether the run's data have classes. Without, there is one label, 0, named like the data."""
        return self.run.label_kind != "none"

    def row_names(self, labels: Iterable[int]) -> list[str]:
        """The names of figures' rows: the titles of labels (N,), "" without classes."""
        return [self.titles[label] if self.has_classes else "" for label in labels]

    @functools.cached_property
    def discriminator(self) -> Discriminator:
        """D of the same checkpoint, read on first access."""
        return restored_discriminator(self.run, step=self.step)[0]

    def statistics(self, truncation: Truncation | None) -> Statistics:
        """The statistics of G's batch norms at this truncation."""
        held = self.published is not None and self.published.cover(truncation)
        return self._statistics or default_statistics(self.spec, truncated=truncation is not None, published=held)

    def standing_statistics(
        self, thresholds: Sequence[float | None], mode: str = "resampled"
    ) -> list[dict[str, np.ndarray]]:
        """Standing statistics at each threshold (None: of the whole prior), kept with the run (kept_statistics.py)."""
        options = StandingStatistics(
            passes=self.standing_passes, latent=self.latent, truncation=mode, n_classes=len(self.class_names)
        )
        of = {"step": self.step, "averaged": self.averaged, "weights": self.weights_hash}
        return kept_or_gathered(self.run, self.generator, options, thresholds, **of)

    def sampler(self, truncation: Truncation | None = None) -> Sampler:
        """A sampler for this truncation with its statistics, which is made once. G itself is not changed."""
        if truncation not in self._samplers:
            self._samplers[truncation] = sampler_of(
                self._inference_generator(truncation),
                n_classes=len(self.class_names),
                latent=self.latent,
                truncation=truncation,
            )
        return self._samplers[truncation]

    def _inference_generator(self, truncation: Truncation | None) -> Generator | BakedGenerator:
        statistics = self.statistics(truncation)
        if statistics == "batch":
            return fold(self.generator)
        if statistics == "moving":
            return bake(self.generator)
        if statistics == "published":
            self.published.check_cover(truncation)
            return bake(self.generator, [self.published.at(truncation.threshold if truncation else None)])
        threshold, mode = (truncation.threshold, truncation.mode) if truncation else (None, "resampled")
        return bake(self.generator, self.standing_statistics([threshold], mode))

    def _needs_full_batches(self, truncation: Truncation | None) -> bool:
        """Whether every pass must have a full batch, since an image depends on the others of its pass."""
        return self.statistics(truncation) == "batch"

    def as_truncation(self, truncation: Truncation | float | None, mode: str | None = None) -> Truncation | None:
        """A truncation; a bare threshold is one of this mode, by default the model's `truncation_mode`."""
        if isinstance(truncation, Truncation | None):
            return truncation
        return Truncation(threshold=truncation, mode=mode or self.truncation_mode)

    def truncated_at(self, threshold: float | None) -> AbstractContextManager[Generator]:
        """`generator` for a block in which it uses the published statistics of this truncation, if there are any."""
        return self.published.used_by(self.generator, threshold) if self.published else nullcontext(self.generator)

    def labels(self, classes: Iterable[Class] | Class) -> np.ndarray:
        """Classes by index or name to labels (N,) int32; one alone gives one label.

        Raises:
          RunError: for a class that the run doesn't have; the message suggests the closest name.
        """
        given = [classes] if isinstance(classes, int | np.integer | str) else classes
        return np.asarray([class_index(c, self.class_names) for c in given], np.int32)

    def images(
        self,
        classes: Iterable[Class] | Class,
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        truncation: Truncation | float | None = None,
    ) -> np.ndarray:
        """One image per class, uint8 (N,R,R,3).

        Few images are drawn in small batches, so that one image costs as much as one; it then agrees with that of the
        verb `sample` up to rounding (see `Sampler`). `sampler(truncation).of_seeds(...)` gives the identical image.

        Args:
          classes: names or indices; one alone gives one image.
          seed: of the whole set; image i has the seed `image_seeds(seed, N)[i]`.
          seeds: one int64 per image, in place of `seed`.
          truncation: a threshold, beyond which entries of z are drawn again (but see `truncation_mode`), or a
            Truncation that names its mode.

        Raises:
          RunError: for a class that the run doesn't have.
          ValueError: for a wrong seed or truncation.
        """
        labels = self.labels(classes)
        chosen = image_seeds(seed, len(labels)) if seeds is None else seeds
        empty = np.zeros([0, self.spec.resolution, self.spec.resolution, 3], np.uint8)
        cut = self.as_truncation(truncation)
        drawn = self.sampler(cut).of_seeds(chosen, labels, exact=self._needs_full_batches(cut))
        return np.concatenate([empty, *drawn])

    def z(self, seeds: Sequence[int], *, truncation: Truncation | float | None = None) -> np.ndarray:
        """The z (N,z_dim) from which the images of these seeds are made."""
        cut = self.as_truncation(truncation)
        z_of = SeededLatents(z_dim=self.spec.z_dim, latent=self.latent, mode=cut.mode if cut else None)
        thresholds = tf.fill([len(seeds)], cut.threshold if cut else 1.0)
        return z_of(tf.constant(checked_seeds(seeds)), thresholds).numpy()

    def generate(
        self, z: np.ndarray, classes: Iterable[Class] | Class, *, truncation: Truncation | float | None = None
    ) -> np.ndarray:
        """Images (N,R,R,3) float32 in [-1,1] of z (N,z_dim), used as it is; `truncation` chooses the statistics."""
        cut = self.as_truncation(truncation)
        empty = np.zeros([0, self.spec.resolution, self.spec.resolution, 3], np.float32)
        drawn = self.sampler(cut).of_latents(z, self.labels(classes), exact=self._needs_full_batches(cut))
        return np.concatenate([empty, *drawn])

    def attention(self, z: np.ndarray, classes: Iterable[Class] | Class) -> dict[str, np.ndarray]:
        """Attention maps (N,H,W,h,w) of these images by layer; see sampling/attention_maps.py."""
        labels = self.labels(classes)
        z = check_latents(z, len(labels), self.spec.z_dim)
        _, maps = attention_maps(self.generator, tf.constant(z), tf.constant(labels))
        return {name: values.numpy() for name, values in maps.items()}


def sampler_of(
    generator: Generator | BakedGenerator, *, n_classes: int, latent: str, truncation: Truncation | None = None
) -> Sampler:
    """A sampler of a built generator for a data set's classes."""
    return Sampler(
        generator,
        z_dim=generator.spec.z_dim,
        n_classes=n_classes,
        resolution=generator.spec.resolution,
        latent=latent,
        truncation=truncation,
    )
