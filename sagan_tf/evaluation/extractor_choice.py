"""Which extractor measures: by name, or the best that is here."""

from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.dataset_classifier import dataset_classifier
from sagan_tf.evaluation.features import Extractor, SavedModelExtractor
from sagan_tf.evaluation.inception import inception, local_inception


def choose_extractor(kind: str, *, examples: Examples | None, resolution: int, transform: Transform,
                     inception_location: str | None = None, progress: bool = True) -> Extractor:
    """The extractor of this kind, loaded (or, the data set's classifier, trained once).

    "inception": TF-GAN's module, from `inception_location`, `$TFHUB_CACHE_DIR` or TF-Hub. "dataset": a classifier of
    `examples`. "auto": Inception where it lies on this machine, else the data set's classifier, which says so in its
    name. Anything else: the folder of a SavedModel.
    Raises ValueError where it can't be had, with what to do.
    """
    if kind == "auto":
        kind = "inception" if inception_location or local_inception() else "dataset"
    if kind == "inception":
        return inception(inception_location)
    if kind != "dataset":
        return SavedModelExtractor(kind)
    if examples is None:
        raise ValueError("extractor=dataset must have labeled examples to learn from; received none. "
                         "Give labels beside the reference images, or choose another extractor.")
    return dataset_classifier(examples, resolution=resolution, transform=transform, progress=progress)
