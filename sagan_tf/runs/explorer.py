"""The explorer's model: images between two latents of a run, and the attention maps of every layer for them."""

import dataclasses
import threading
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from sagan_tf.figures import canvas
from sagan_tf.figures.attention import UNIFORM_AREA, contour_level, finer, shaded
from sagan_tf.figures.query_points import location
from sagan_tf.foundation.option_names import THRESHOLDS
from sagan_tf.latents import NORMAL
from sagan_tf.runs import figures
from sagan_tf.runs.batch_independence import without_batch_statistics
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.attention_maps import attention_maps
from sagan_tf.sampling.interpolation import linear, spherical
from sagan_tf.sampling.labels import one_hot
from sagan_tf.sampling.sampler import to_pixels

_LINE = 2  # pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentPoint:
    """A point on the path between two images, each of which is given by a class and a seed.

    position: 0 is the first image, 1 the second. threshold: of truncation; None draws from the whole prior.
    """

    classes: tuple[int, int]
    seeds: tuple[int, int]
    position: float = 0.0
    threshold: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExplorerView:
    """An image (R,R,3) uint8 and its attention maps (H,W,h,w) by layer."""

    image: np.ndarray
    maps: dict[str, np.ndarray]


class ExplorerModel:
    """Computes the views of a trained model, one at a time.

    statistics: those of the norms: "moving" ones of training, those that were "published" for the truncation, or
      "standing" ones of the whole prior for a run that would use each batch's own.
    """

    def __init__(self, model: TrainedModel):
        figures.layers_of(model)  # refuses a run without attention before statistics are gathered
        self.model = without_batch_statistics(model)
        self.statistics = "standing" if self.model is not model else "published" if model.published else "moving"
        model = self.model
        self.layers = figures.layers_of(model)
        self._lock = threading.Lock()
        networks = (layer.network for layer in self.layers.values())
        self._discriminator = next((network for network in networks if network is not model.generator), None)

    @property
    def largest_threshold(self) -> float | None:
        """Up to which z may be truncated; None for a prior that can't be."""
        if self.model.latent not in NORMAL:
            return None
        return self.model.published.largest if self.model.published else max(THRESHOLDS)

    def view(self, latent: LatentPoint) -> ExplorerView:
        """The image at a latent point and its attention maps.

        z lies on the arc between the two ends, and the class is a mixture of both classes. D is given the image with
        the first class.

        Raises:
          ValueError: for a threshold that is not positive, or of a prior that can't be truncated.
        """
        with self._lock:
            return self._view(latent)

    def samples(self, label: int, seeds: Sequence[int], threshold: float | None = None) -> np.ndarray:
        """One image of a class per seed, as `view` draws them: uint8 (N,R,R,3).

        Raises:
          ValueError: as `view`.
        """
        with self._lock:
            z = self.model.z(seeds, truncation=threshold)
            shares = one_hot([label] * len(seeds), self.model.spec.n_classes)
            with self.model.truncated_at(threshold) as generator:
                return to_pixels(generator(tf.constant(z), tf.constant(shares), training=False)).numpy()

    def _view(self, latent: LatentPoint) -> ExplorerView:
        a, b = self.model.z(latent.seeds, truncation=latent.threshold)
        at = np.asarray([latent.position])
        z = spherical(a, b, at).astype(np.float32)
        shares = linear(*one_hot(latent.classes, self.model.spec.n_classes), at).astype(np.float32)
        with self.model.truncated_at(latent.threshold) as generator:
            images, maps = attention_maps(generator, tf.constant(z), tf.constant(shares))
        found = {f"generator.{name}": values for name, values in maps.items()}
        if self._discriminator is not None:
            _, maps = attention_maps(self._discriminator, images, tf.constant([latent.classes[0]]))
            found |= {f"discriminator.{name}": values for name, values in maps.items()}
        return ExplorerView(image=to_pixels(images)[0].numpy(), maps={name: v[0].numpy() for name, v in found.items()})


def tiled(images: np.ndarray, columns: int) -> np.ndarray:
    """Tiles images (N,R,R,3) in rows of `columns`, in order: one image (N/columns*R,columns*R,3)."""
    n, side = len(images), images.shape[1]
    rows = images.reshape(n // columns, columns, side, side, 3)
    return rows.transpose(0, 2, 1, 3, 4).reshape(n // columns * side, columns * side, 3)


def enlarged(image: np.ndarray, side: int) -> Image.Image:
    """Enlarges an image (R,R,3) uint8 by a whole factor, without interpolation, to about `side` pixels."""
    factor = max(1, side // len(image))
    return Image.fromarray(image.repeat(factor, 0).repeat(factor, 1))


def attention_from(
    view: ExplorerView, layer: str, point: tuple[int, int], side: int = 256
) -> tuple[Image.Image, float]:
    """The attention of an image's pixel (x, y) in a layer, drawn over the image at `side` pixels.

    Returns the drawing, with half of the attention outlined unless it is nearly uniform, and the share of the image
    that the outline covers.
    """
    maps = view.maps[layer]
    weights = finer(maps[location(point, len(view.image), len(maps))], side)
    level, area = contour_level(weights)
    drawn = shaded(view.image, weights, canvas.COLORS[0])
    if area <= UNIFORM_AREA:
        inside = np.pad(weights >= level, _LINE)
        shifts = [np.roll(inside, shift, axis) for axis in (0, 1) for shift in (-_LINE, _LINE)]
        outline = (inside & ~np.logical_and.reduce(shifts))[_LINE:-_LINE, _LINE:-_LINE]
        drawn[outline] = canvas.rgb(canvas.INK)
    return Image.fromarray(drawn), area
