"""The figures of a trained run: attention, interpolation, truncation and class sheets."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sagan_tf.evaluation.evaluator import EvaluationOptions
from sagan_tf.figures.attention import AttentionView, attention_figure
from sagan_tf.figures.image_table import ImageTable
from sagan_tf.foundation import jsonl
from sagan_tf.foundation.progress import Progress
from sagan_tf.foundation.spelling import nearest as nearest_name
from sagan_tf.runs.reference import split_images
from sagan_tf.runs.run_directory import RunError
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.attention_maps import attention_layers, attention_maps, gammas
from sagan_tf.sampling.interpolation import between, class_shares
from sagan_tf.sampling.sampler import to_pixels
from sagan_tf.sampling.seeds import image_seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionLayer:
    """One self-attention layer of a run's networks."""

    network: tf.keras.Model
    name: str
    title: str


def layers_of(model: TrainedModel) -> dict[str, AttentionLayer]:
    """The run's attention layers by name ("generator.attention_64"), G's before D's; D is restored only if it exists
    and has attention.

    Raises:
      RunError: if neither network has attention.
    """
    found = _layers(model.generator, "generator")
    attends = any(model.spec.discriminator_attends) and model.spec.long_range == "attention"
    if attends and model.has_discriminator:
        found |= _layers(model.discriminator, "discriminator")
    if not found:
        raise RunError(
            f"the run in {model.run.path} has no self-attention in G or D. Choose a run that has, such as "
            "one of gin/sagan_128.gin or gin/quickstart.gin."
        )
    return found


def _layers(network: tf.keras.Model, role: str) -> dict[str, AttentionLayer]:
    return {
        f"{role}.{name}": AttentionLayer(
            network=network,
            name=name,
            title=f"attention at {layer.side}x{layer.side} of the {role}, gamma {gammas(network)[name]:.3f}",
        )
        for name, layer in attention_layers(network).items()
    }


def choose_layer(layers: dict[str, AttentionLayer], name: str | None) -> AttentionLayer:
    """A layer by name; None for the one nearest to the pixels: G's last, or D's first if G has none.

    Raises:
      RunError: for an unknown layer, with the names of all layers.
    """
    if name is None:
        of_generator = [layer for key, layer in layers.items() if key.startswith("generator.")]
        return of_generator[-1] if of_generator else next(iter(layers.values()))
    if name not in layers:
        raise RunError(
            f"--layer must be one of {', '.join(layers)}; received --layer={name}. "
            f"{nearest_name(name, layers)}".rstrip()
        )
    return layers[name]


def shown_classes(model: TrainedModel, labels: np.ndarray) -> str:
    """How many of the run's classes a figure shows: "8 of 10 classes", "all 10 classes", or "no classes"."""
    if not model.has_classes:
        return "no classes"
    shown, total = len(np.unique(labels)), len(model.class_names)
    if shown < total:
        return f"{shown} of {total:,} classes"
    return f"all {total:,} classes" if total > 1 else "1 class"


def attention(
    model: TrainedModel,
    labels: np.ndarray,
    layer: AttentionLayer,
    *,
    seed: int = 0,
    points: Sequence[tuple[int, int]] | None = None,
    count: int = 4,
    real: bool = False,
):
    """A figure of the attention of query points, with one row per label.

    real: D is given training images of these classes instead of samples.

    Raises:
      RunError: for real images and a layer of G.
    """
    of_generator = layer.network is model.generator
    if real and of_generator:
        raise RunError(
            "real images must be given to the discriminator; received a layer of the generator. "
            "Give --layer=discriminator...."
        )
    seen = tf.constant(real_images(model, labels) if real else model.z(image_seeds(seed, len(labels))))
    if not (real or of_generator):
        seen = model.generator(seen, tf.constant(labels), training=False)
    output, maps = attention_maps(layer.network, seen, tf.constant(labels))
    images = to_pixels(output if of_generator else seen).numpy()
    views = [
        AttentionView(image=image, maps=image_maps, caption=caption)
        for image, image_maps, caption in zip(images, maps[layer.name].numpy(), model.row_names(labels), strict=True)
    ]
    title = f"{layer.title[0].upper()}{layer.title[1:]}, step {model.step:,}, {shown_classes(model, labels)}"
    return attention_figure(views, title=title, points=points, count=count)


def real_images(model: TrainedModel, labels: np.ndarray) -> np.ndarray:
    """Training images of these classes in the data's order, no image twice: (N,R,R,3) in [-1,1].

    Raises:
      RunError: if the data have too few of a class.
    """
    found: list[np.ndarray | None] = [None] * len(labels)
    batches = split_images(model.run, EvaluationOptions(), "train").batches(0)
    for batch, classes in Progress(batches, title="finding training images of these classes", unit="batch"):
        for image, label in zip(batch, classes, strict=True):
            row = next((i for i, wanted in enumerate(labels) if found[i] is None and wanted == label), None)
            if row is not None:
                found[row] = image
        if all(image is not None for image in found):
            return np.stack(found)
    raise RunError("the training data must have an image for each row; a class has too few. Request fewer rows.")


def interpolation(
    model: TrainedModel,
    labels: np.ndarray,
    *,
    seed: int = 0,
    kind: str = "both",
    steps: int = 9,
    path: str = "spherical",
) -> ImageTable:
    """One row per label: to another z ("z"), to the next label with the same z ("class"), or to both ("both").

    The last row goes to the first label. path: of z; classes are always mixed linearly.
    """
    rows, n = len(labels), model.spec.n_classes
    kind = kind if model.has_classes else "z"
    ends = model.z(image_seeds(seed, 2 * rows)).reshape(rows, 2, -1)
    targets = _targets(labels, kind)
    images = []
    walks = zip(ends, labels, targets, strict=True)
    for (a, b), start, end in Progress(walks, total=rows, title="interpolating", unit="row"):
        z = between(a, a if kind == "class" else b, steps, path)
        shares = class_shares(start, end, steps, n)
        images.append(to_pixels(model.generator(tf.constant(z), tf.constant(shares), training=False)).numpy())
    return _paths(model, labels, np.stack(images), kind, path)


def blank_interpolation(model: TrainedModel, labels: np.ndarray, *, kind: str, path: str) -> ImageTable:
    """The table with one black column, whose frame is as large as those of `interpolation`."""
    black = np.zeros([len(labels), 1, model.spec.resolution, model.spec.resolution, 3], np.uint8)
    return _paths(model, labels, black, kind if model.has_classes else "z", path)


def _targets(labels: np.ndarray, kind: str) -> np.ndarray:
    """The class at the end of each row's path."""
    return labels if kind == "z" else np.roll(labels, -1)


def _paths(model: TrainedModel, labels: np.ndarray, images: np.ndarray, kind: str, path: str) -> ImageTable:
    """The table of images along paths (rows,columns,R,R,3), with the names of both ends."""
    what = {"z": f"Another z, {path}", "class": "Another class, the same z", "both": f"Another class and z ({path})"}
    pairs = zip(model.row_names(labels), model.row_names(_targets(labels, kind)), strict=True)
    title = f"{what[kind]}; step {model.step:,}; {shown_classes(model, labels)}"
    return ImageTable(images=images, title=title, rows=[a if a == b else f"{a} to {b}" for a, b in pairs], side=64)


def truncation(
    model: TrainedModel, labels: np.ndarray, *, thresholds: Sequence[float], mode: str | None = None, seed: int = 0
) -> ImageTable:
    """One row per label and one column per threshold: the same seeds in each column (Brock et al. 2018, Figure 2)."""
    cuts = [model.as_truncation(threshold, mode) for threshold in thresholds]
    columns = [model.images(labels.tolist(), seed=seed, truncation=cut) for cut in cuts]
    how = f"Truncation threshold ({cuts[0].mode}), {model.statistics(cuts[0])} statistics"
    return ImageTable(
        images=np.stack(columns, axis=1),
        title=f"{how}; step {model.step:,}; {shown_classes(model, labels)}",
        heads=[(f"{t:g}", 1) for t in thresholds],
        rows=model.row_names(labels),
        side=64,
    )


def class_sheet(model: TrainedModel, label: int, *, seed: int = 0, count: int = 64) -> ImageTable:
    """A square sheet of images of one class."""
    columns = math.isqrt(count - 1) + 1
    images = model.images([label] * count, seed=seed)
    filled = np.full((-(-count // columns) * columns, *images.shape[1:]), 255, np.uint8)
    filled[:count] = images
    return ImageTable(
        images=filled.reshape(-1, columns, *images.shape[1:]),
        side=64,
        title=f"{model.titles[label]}; seed {seed}, step {model.step:,}",
    )


def easy_and_difficult(model: TrainedModel, *, seed: int = 0, each: int = 5, columns: int = 8) -> ImageTable | None:
    """Samples of the classes with the lowest and the highest intra-FID of the last evaluation of samples with it.

    None if there is no such evaluation, or if it has fewer than two finite distances.
    """
    records = jsonl.read(model.run.path / "metrics.jsonl")
    of_samples = (r for r in reversed(records) if r["protocol"].get("step") is not None)  # not of a split of the data
    record = next((r for r in of_samples if r.get("intra_fid_by_class")), None)
    if record is None:
        return None
    distances = np.asarray(record["intra_fid_by_class"], np.float64)  # null, of a distance that isn't finite, is NaN
    order = [label for label in np.argsort(distances, kind="stable") if np.isfinite(distances[label])]
    if not (each := min(each, len(order) // 2)):
        return None
    chosen = [*order[:each], *order[len(order) - each :]]
    images = model.images(np.repeat(chosen, columns), seed=seed)
    names = [f"{model.titles[label]} {distances[label]:.1f}" for label in chosen]
    protocol = record["protocol"]
    return ImageTable(
        images=images.reshape(len(chosen), columns, *images.shape[1:]),
        rows=names,
        side=64,
        title=f"Easy to difficult by intra-FID ({protocol['extractor']}, step {protocol['step']:,})",
    )
