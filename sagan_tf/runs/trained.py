"""A trained run as one object: classes, seeds and truncation in, images out."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_names import all_integers, is_integer, listed
from sagan_tf.foundation.spelling import counted, nearest
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.sampling.attention_maps import attention_maps
from sagan_tf.sampling.sampler import Sampler, Truncation
from sagan_tf.sampling.seeds import SeededLatents, image_seeds
from sagan_tf.sampling.standing_statistics import Statistics

Class = int | str
CLASSES_HELP = "names or indices, separated by commas; names alone where all names are integers"


class TrainedModel:
    """The generator of a run's newest checkpoint.

    ```
    model = sagan_tf.load("RUN")
    images = model.images([3, "cat"], seed=7, truncation=0.5)        # uint8 (2,R,R,3)
    ```

    average: the moving average of G or its raw weights; None: the average if the run keeps one.
    step: a checkpoint's; None: the newest.
    statistics: what the norms divide by: training's "moving" averages, the "batch"'s own moments (an image then depends
      on its batch), or "standing" ones, gathered anew for every truncation; None: standing for a truncated z, as
      BigGAN's, otherwise what the run's description says.

    Raises:
      RunError: if there is no run or no checkpoint, or an average is asked for and the run keeps none.
    """

    def __init__(
        self,
        run: Path | str,
        *,
        average: bool | None = None,
        step: int | None = None,
        statistics: Statistics | None = None,
    ):
        self.run = RunDirectory.open(run)
        self.class_names = self.run.class_names
        self.latent = self.run.experiment().latent
        self.generator, self.step, self.averaged = self.run.generator(average=average, step=step, statistics=statistics)
        self.spec = self.generator.spec
        self._asked_statistics = statistics
        self._samplers: dict[Truncation | None, Sampler] = {}

    def statistics(self, truncation: Truncation | None) -> Statistics:
        """What the norms divide by at this truncation."""
        return self._asked_statistics or ("standing" if truncation else self.spec.inference_statistics)

    def labels(self, classes: Iterable[Class]) -> np.ndarray:
        """Classes by index or name to labels (N,) int32.

        Raises:
          RunError: for a class that isn't there, with the nearest name.
        """
        return np.asarray([class_index(c, self.class_names) for c in classes], np.int32)

    def sampler(self, truncation: Truncation | None = None) -> Sampler:
        """What draws the images, with its statistics; made once for each truncation."""
        if truncation not in self._samplers:
            self._samplers[truncation] = self.run.sampler_with(
                self.generator, truncation=truncation, statistics=self.statistics(truncation)
            )
        return self._samplers[truncation]

    def images(
        self,
        classes: Iterable[Class],
        *,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        truncation: Truncation | float | None = None,
    ) -> np.ndarray:
        """An image for each class, uint8 (N,R,R,3).

        seed: of the whole set; image i has the seed `image_seeds(seed, N)[i]`. seeds: one int64 an image instead.
        truncation: a threshold, resampled, or a Truncation that names its mode.

        Raises:
          RunError: for a class that isn't there. ValueError: for a wrong seed or truncation.
        """
        labels = self.labels(classes)
        chosen = image_seeds(seed, len(labels)) if seeds is None else seeds
        empty = np.zeros([0, self.spec.resolution, self.spec.resolution, 3], np.uint8)
        return np.concatenate([empty, *self.sampler(as_truncation(truncation)).of_seeds(chosen, labels)])

    def z(self, seeds: Sequence[int], *, truncation: Truncation | float | None = None) -> np.ndarray:
        """The z (N,z_dim) that images of these seeds are made from."""
        cut = as_truncation(truncation)
        z_of = SeededLatents(z_dim=self.spec.z_dim, latent=self.latent, mode=cut.mode if cut else None)
        thresholds = tf.fill([len(seeds)], cut.threshold if cut else 1.0)
        return z_of(tf.constant(np.asarray(seeds, np.int64)), thresholds).numpy()

    def generate(
        self, z: np.ndarray, classes: Iterable[Class], *, truncation: Truncation | float | None = None
    ) -> np.ndarray:
        """Images (N,R,R,3) float32 in [-1,1] of given z (N,z_dim), as they are; `truncation` chooses the statistics."""
        return np.concatenate(list(self.sampler(as_truncation(truncation)).of_latents(z, self.labels(classes))))

    def attention(self, z: np.ndarray, classes: Iterable[Class]) -> dict[str, np.ndarray]:
        """What each location of these images attends to, by layer: (N,H,W,h,w); see sampling/attention_maps.py."""
        _, maps = attention_maps(self.generator, tf.constant(z, tf.float32), tf.constant(self.labels(classes)))
        return {name: values.numpy() for name, values in maps.items()}


def as_truncation(truncation: Truncation | float | None) -> Truncation | None:
    """A bare threshold is BigGAN's: entries beyond it are drawn again."""
    return truncation if isinstance(truncation, Truncation | None) else Truncation(threshold=float(truncation))


def class_index(word: Class, names: Sequence[str]) -> int:
    """A class by index (an int, or its digits) or name.

    A string is a name first. Where all names are integers, digits are never an index, only a name, or one of the same
    value: "02" is the class "2". Elsewhere digits are an index, unless they are another class's name as well.

    Raises:
      RunError: for one that isn't there, with the nearest name, and for digits that are one class's name and another's
        index.
    """
    if isinstance(word, str) and (found := _named(word, names)) is not None:
        return found
    may_be_index = is_integer(str(word)) and not (isinstance(word, str) and all_integers(names))
    if may_be_index and 0 <= int(word) < len(names):
        return int(word)
    raise RunError(
        f"classes must be names or indices of this run's {counted(len(names), 'class')}; received {word!r}. "
        f"{nearest(str(word), names)}Classes: {listed(names, most=30)}."
    )


def _named(word: str, names: Sequence[str]) -> int | None:
    """The class of this name, or None."""
    if all_integers(names) and is_integer(word):
        same = [name for name in names if int(name) == int(word)]
        word = word if word in names or len(same) != 1 else same[0]
    if word not in names:
        return None
    index = list(names).index(word)
    if is_integer(word) and not all_integers(names) and index != int(word) and 0 <= int(word) < len(names):
        raise RunError(
            f"a class must be told by its name or its index; received {word!r}, which is the name of class {index} and "
            f"the index of {names[int(word)]!r}. Give the other class by its name, and this one by its index, {index}."
        )
    return index
