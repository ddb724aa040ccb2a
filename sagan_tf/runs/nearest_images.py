"""A figure of samples of a run beside the training images that are nearest to them."""

import dataclasses

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_aliases import class_aliases
from sagan_tf.evaluation.evaluator import EvaluationOptions
from sagan_tf.figures import neighbors
from sagan_tf.figures.image_table import ImageTable
from sagan_tf.foundation.pixels import normalized
from sagan_tf.foundation.progress import Progress
from sagan_tf.runs.figures import shown_classes
from sagan_tf.runs.reference import run_reference
from sagan_tf.runs.run_data import training_examples
from sagan_tf.runs.run_directory import RunError
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.sampler import to_pixels


def nearest_images(
    model: TrainedModel, labels: np.ndarray, *, seed: int = 0, count: int = 4, extractor: str | None = None
) -> ImageTable:
    """One row per label: a sample, and its nearest training images by pixels and by an extractor's features.

    Images of all classes are searched, since a copy of an image of another class is a copy too, and since a class may
    have fewer images than `count`; captions name the classes. Brock et al. 2018 (section 5.1) search class by class.

    extractor: as in evaluate; None for the run's.
    """
    examples = training_examples(model.run)
    if count > examples.n_examples:
        raise RunError(
            f"--count must be at most the {examples.n_examples:,} training images; received --count={count}. Ask for "
            "fewer neighbors."
        )
    samples = model.images(labels.tolist(), seed=seed)
    options = model.run.experiment().evaluation or EvaluationOptions()
    options = dataclasses.replace(options, extractor=extractor or options.extractor)
    reference = run_reference(model.run, options, examples=examples)
    titles = class_aliases(examples.class_names).titles  # of the data, whose classes may have changed
    spaces = {"pixels": neighbors.pixels, "features": lambda x: reference.extractor(tf.constant(x))[0].numpy()}
    total = -(-reference.real.count // options.batch_size)
    batches = Progress(reference.real.batches(0), total=total, title="comparing training images", unit="batch")
    found = neighbors.nearest(normalized(samples.astype(np.float32)), batches, count, spaces)
    images = [samples[:, None], *(to_pixels(found[space].images).numpy() for space in spaces)]
    captions = [
        [""]
        + [
            f"{titles[label] if model.has_classes else ''} {distance:.2g}".lstrip()
            for space in spaces
            for label, distance in zip(found[space].labels[i], found[space].distances[i], strict=True)
        ]
        for i in range(len(samples))
    ]
    return ImageTable(
        images=np.concatenate(images, 1),
        captions=captions,
        rows=model.row_names(labels),
        heads=[("sample", 1), ("nearest in pixels", count), ("nearest in features", count)],
        title=f"Nearest of {reference.real.count:,} training images, and their distance; step "
        f"{model.step:,}; features of {reference.extractor.name}; {shown_classes(model, labels)}",
    )
