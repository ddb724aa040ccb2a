"""Chooses the feature extractor: by name, or the best one that is available."""

from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.dataset_classifier import (
    N_FEATURES,
    check_learnable,
    dataset_classifier,
    extractor_name,
    has_classes,
)
from sagan_tf.evaluation.features import Extractor, ExtractorTraits, SavedModelExtractor
from sagan_tf.evaluation.inception import inception, local_inception


def choose_extractor(
    kind: str,
    *,
    examples: Examples | None,
    resolution: int,
    transform: Transform,
    inception_location: str | None = None,
    progress: bool = True,
) -> Extractor:
    """Loads an extractor, or trains it in the case of the data set's classifier, whose weights are cached.

    kind: "inception" is TF-GAN's module, from `inception_location`, `$TFHUB_CACHE_DIR` or TF-Hub. "dataset" is a
      classifier of `examples`, or of their rotations if they have no classes. "auto" is Inception if it is on this
      machine, else the data set's classifier; every number carries the extractor's name. Anything else is the folder of
      a SavedModel.

    Raises:
      ValueError: if the extractor is not available; the message says what to do.
    """
    kind = _resolved(kind, inception_location)
    if kind == "inception":
        return inception(inception_location)
    if kind != "dataset":
        return SavedModelExtractor(kind)
    if examples is None:
        raise ValueError(
            "extractor=dataset must have labeled examples to learn from; received none. Give labels with the "
            "reference images, or choose another extractor."
        )
    return dataset_classifier(examples, resolution=resolution, transform=transform, progress=progress)


def extractor_traits(kind: str, examples: Examples, *, inception_location: str | None = None) -> ExtractorTraits:
    """The traits of the extractor that `choose_extractor` would return, without training it.

    Raises:
      ValueError: as `choose_extractor` would.
    """
    kind = _resolved(kind, inception_location)
    if kind == "dataset":
        check_learnable(examples)
        classifies = has_classes(examples)
        return ExtractorTraits(
            name=extractor_name(examples),
            n_features=N_FEATURES,
            n_logits=len(examples.class_names) if classifies else 0,
            classifies=classifies,
            class_names=examples.class_names,
            label_kind=examples.label_kind,
        )
    network = inception(inception_location) if kind == "inception" else SavedModelExtractor(kind)
    return ExtractorTraits(
        name=network.name, n_features=network.n_features, n_logits=network.n_logits, classifies=False
    )


def _resolved(kind: str, inception_location: str | None) -> str:
    if kind != "auto":
        return kind
    return "inception" if inception_location or local_inception() else "dataset"
