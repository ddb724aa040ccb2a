"""Samples of an exported generator: a SavedModel with the signature `generate`, which needs TensorFlow alone."""

import json
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from sagan_tf.evaluation.features import directory_hash
from sagan_tf.evaluation.image_sets import ImageSet, generated_images
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import GeneratorFacts
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.option_names import LARGEST_TRUNCATION
from sagan_tf.foundation.tensorflow_names import readable_by_tensorflow
from sagan_tf.sampling.seeds import image_seeds

BATCH = 64


class ExportedSampler:
    """Samples a SavedModel: `generate`(seed int64 (B,), label int32 (B,), truncation float32 (B,)) -> images uint8.

    Image i of a set of N is drawn from the seed `image_seeds(seed, N)[i]`, as by the run that was exported.
    """

    def __init__(self, generate: Callable, *, truncation: float):
        self._generate = generate
        self._truncation = float(truncation)

    def batches(self, labels: np.ndarray, *, seed: int, start: int) -> Iterator[np.ndarray]:
        """Yields images uint8 (B,R,R,3) for labels (N,), from image `start` on."""
        seeds = image_seeds(seed, len(labels))
        for first in range(start, len(labels), BATCH):
            rows = slice(first, first + BATCH)
            inputs = {"seed": tf.constant(seeds[rows]), "label": tf.constant(labels[rows], tf.int32)}
            inputs["truncation"] = tf.fill([len(labels[rows])], self._truncation)
            yield self._generate(**inputs)["images"].numpy()


def exported_samples(folder: str, options: EvaluationOptions) -> tuple[ImageSet, GeneratorFacts]:
    """Samples of an exported generator, and what is known about it.

    The statistics and the truncation mode of an export are fixed; `options.truncation` chooses the threshold.

    folder: of an export, or of several versions of it, of which the newest is used.

    Raises:
      ValueError: for a folder that isn't such an export, or options that it can't follow.
    """
    export = _newest_version(with_home(folder))
    known = _protocol(export)
    is_truncated = known["truncation_mode"] is not None
    _check(options, known, export)
    with readable_by_tensorflow(export) as place:
        generate = tf.saved_model.load(place).signatures["generate"]
    facts = GeneratorFacts(
        step=known["step"],
        weights=known["weights"],
        weights_hash=directory_hash(str(export)),
        statistics=_statistics(known, options.truncation),
        standing_passes=known["standing_passes"],
        truncation=options.truncation if is_truncated else None,
        truncation_mode=known["truncation_mode"],
    )
    sampler = ExportedSampler(generate, truncation=options.truncation if is_truncated else 1.0)
    images = generated_images(
        lambda: sampler,
        count=options.n_samples,
        class_names=tuple(known["class_names"]),
        resolution=known["resolution"],
        seed=options.seed,
        name=f"saved-model:{export.name}",
        identity=repr(facts),
        label_kind=known.get("label_kind", "named"),
    )
    return images, facts


def _newest_version(folder: pathlib.Path) -> pathlib.Path:
    if (folder / "saved_model.pb").is_file():
        return folder
    versions = [path for path in folder.glob("*/") if path.name.isdecimal() and (path / "saved_model.pb").is_file()]
    if not versions:
        raise ValueError(
            f"--saved_model must be a folder with saved_model.pb, or with versions of it; received "
            f"{folder}. Write one with: python -m sagan_tf.export --run_dir=RUN --out=DIR"
        )
    return max(versions, key=lambda path: int(path.name))


def _protocol(export: pathlib.Path) -> dict:
    path = export / "assets" / "protocol.json"
    if not path.is_file():
        raise ValueError(
            f"an exported generator must come with assets/protocol.json; received {export} without it. "
            "Export it again, or write its images to an .npz and measure these: --images=FILE.npz"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _check(options: EvaluationOptions, known: dict, export: pathlib.Path) -> None:
    if options.statistics not in (None, known["statistics"]):
        raise ValueError(
            f"the statistics of an export are fixed; received statistics={options.statistics} for {export}, "
            f"which has {known['statistics']} ones. Leave it out, or export again."
        )
    is_truncated = known["truncation_mode"] is not None
    if options.truncation_mode not in (EvaluationOptions.truncation_mode, known["truncation_mode"]):
        raise ValueError(
            f"the truncation mode of an export is fixed; received truncation_mode={options.truncation_mode} for "
            f"{export}, which has {known['truncation_mode']}. Leave it out, or export again."
        )
    if is_truncated != (options.truncation is not None):
        remedy = (
            "Add --truncation=T, in (0, 2]."
            if is_truncated
            else f"The prior {known['latent']} isn't truncated: leave it out."
        )
        raise ValueError(
            f"an export is measured at the truncation that is given to it; received "
            f"truncation={options.truncation} for {export}. {remedy}"
        )
    largest = known["truncations"][-1] if known["statistics"] == "published" else LARGEST_TRUNCATION
    if is_truncated and options.truncation > largest:
        raise ValueError(
            f"an export's truncation must be at most {largest:g}; received truncation={options.truncation:g} for "
            f"{export}. Give a smaller one."
        )


def _statistics(known: dict, threshold: float | None) -> str:
    """The export's kind of statistics; standing ones are interpolated for a threshold that it doesn't contain."""
    if known["statistics"] != "standing" or threshold is None or threshold in known["truncations"]:
        return known["statistics"]
    return "standing, interpolated"
