"""Feature extractors: one interface for Inception, any SavedModel, and the data set's own classifier.

Letters of shapes: B images, H, W and R pixels per side, F features, K logits.
"""

import dataclasses
import hashlib
import pathlib
from typing import Protocol

import tensorflow as tf

from sagan_tf.data.source import LabelKind
from sagan_tf.foundation.tensorflow_names import readable_by_tensorflow

FEATURE_OUTPUTS = ("pool_3", "features", "pool", "embedding")
LOGIT_OUTPUTS = ("logits", "predictions")
_LEAST = 1e-37  # probability, since the logarithm of 0 has no softmax


class Extractor(Protocol):
    """A frozen network that maps images float32 (B,R,R,3) in [-1,1] to features (B,F) and logits (B,K).

    name, hash: stored with every number; two numbers are comparable only if both agree.
    resize: how images are resized to the network's input size.
    n_features, n_logits: F and K; K is 0 for a network without logits.
    classifies: whether the logits are of the data set's own classes. The extractor then has `class_names` and
      `label_kind` too.
    note: further information for judging a number, such as held-out accuracy.
    """

    name: str
    hash: str
    resize: str
    n_features: int
    n_logits: int
    classifies: bool
    note: str

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractorTraits:
    """What is known about an extractor before it is trained, which decides which metrics it allows.

    class_names, label_kind: of the data that its logits classify; empty unless `classifies`.
    """

    name: str
    n_features: int
    n_logits: int
    classifies: bool
    class_names: tuple[str, ...] = ()
    label_kind: LabelKind = "none"


class SavedModelExtractor:
    """Any SavedModel with an output named like `pool_3` and, for the metrics that read logits, one like `logits`.

    It takes float32 images (B,H,W,3) in [-1,1] through the signature `serving_default`, or else by being called.
    Images are resized to the size of its input if that is fixed. An output in place of logits may hold probabilities,
    as Keras' `predictions` usually do: of two test images all are at least 0 and sum to 1. Their logarithms are then
    taken as logits, whose softmax they are.

    name: "saved-model:FOLDER" by default. image_size: pixels per side of its input, if the model doesn't specify it.

    Raises:
      ValueError: for a folder that is not a SavedModel, or a model without such outputs or with another input.
    """

    classifies = False
    note = ""

    def __init__(self, directory: str, *, name: str | None = None, image_size: int | None = None):
        if not tf.io.gfile.exists(f"{directory}/saved_model.pb"):
            raise ValueError(
                f"a SavedModel's folder must hold saved_model.pb; received directory={directory!r}. "
                "Give the folder that contains saved_model.pb."
            )
        with readable_by_tensorflow(directory) as place:
            self._model = tf.saved_model.load(place)
        self._call, input_size = _entry(self._model, directory)
        self._image_size = image_size or input_size
        self.name = name or f"saved-model:{pathlib.PurePath(directory).name}"
        self.hash = directory_hash(directory)
        self.resize = f"tf1-bilinear {self._image_size}" if self._image_size else "none"
        size = self._image_size or 32
        self._gives_probabilities = False
        features, logits = self(tf.stack([tf.zeros([size, size, 3]), tf.ones([size, size, 3])]))
        self._gives_probabilities = _are_probabilities(logits)
        self.n_features, self.n_logits = int(features.shape[1]), int(logits.shape[1])

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if self._image_size and images.shape[1:3] != (self._image_size, self._image_size):
            images = resize_tf1_bilinear(images, self._image_size)
        outputs = self._call(images)
        logits = _pick(outputs, LOGIT_OUTPUTS)
        flat = _flatten(_pick(outputs, FEATURE_OUTPUTS))
        logits = tf.zeros([tf.shape(flat)[0], 0]) if logits is None else _flatten(logits)
        return flat, tf.math.log(tf.maximum(logits, _LEAST)) if self._gives_probabilities else logits


def resize_tf1_bilinear(images: tf.Tensor, size: int) -> tf.Tensor:
    """Bilinear resizing as in TensorFlow 1, which SAGAN and TF-GAN use: (B,H,W,3) -> (B,size,size,3).

    Corners aren't aligned, pixel centers aren't at half pixels, and nothing is antialiased.
    """
    return tf.raw_ops.ResizeBilinear(images=images, size=[size, size], align_corners=False, half_pixel_centers=False)


def directory_hash(directory: str) -> str:
    """A hash, 16 hexadecimal digits, of a SavedModel's graph and weights: of their relative paths and bytes."""
    digest = hashlib.sha256()
    stored = tf.io.gfile.listdir(f"{directory}/variables") if tf.io.gfile.isdir(f"{directory}/variables") else []
    for name in ("saved_model.pb", *(f"variables/{name}" for name in sorted(stored))):
        path = f"{directory}/{name}"
        digest.update(f"/{name}".encode())
        with tf.io.gfile.GFile(path, "rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()[:16]


def _entry(model, directory: str):
    """The function to call with images, and its input's side in pixels (None if any).

    Raises:
      ValueError: if there is no such function, or its outputs don't have the names of features.
    """
    signature = getattr(model, "signatures", {}).get("serving_default")
    if signature is not None:
        (argument, spec), *others = signature.structured_input_signature[1].items()
        if others:
            raise ValueError(
                "an extractor's serving_default must take images alone; received "
                f"arguments={[argument, *(name for name, _ in others)]}. Export another signature."
            )
        if not set(FEATURE_OUTPUTS) & set(signature.structured_outputs):
            raise ValueError(
                f"an extractor must have an output among {FEATURE_OUTPUTS}; received "
                f"outputs={sorted(signature.structured_outputs)} of {directory!r}. Rename its outputs."
            )
        if spec.dtype != tf.float32 or not _takes_images(spec.shape):
            raise ValueError(
                "an extractor's serving_default must take any number of float32 images (B,H,W,3), squares if their "
                f"size is fixed; received {spec.dtype.name} {spec.shape} of {directory!r}. Export it with these."
            )
        side = spec.shape[1] if spec.shape.rank == 4 else None
        return lambda images: signature(**{argument: images}), side
    if not callable(model):
        raise ValueError(
            "an extractor must have a signature serving_default or be callable; received "
            f"directory={directory!r}. Export it with one."
        )
    return model, None


def _takes_images(shape: tf.TensorShape) -> bool:
    if shape.rank is None:
        return True
    return shape.rank == 4 and shape[0] is None and shape[1] == shape[2] and shape[3] in (None, 3)


def _are_probabilities(outputs: tf.Tensor) -> bool:
    """Whether each row (B,K) is a distribution over K >= 2 classes."""
    sums = tf.reduce_sum(outputs, 1)
    return outputs.shape[1] > 1 and bool(tf.reduce_all(outputs >= 0) & tf.reduce_all(tf.abs(sums - 1) < 1e-3))


def _pick(outputs: dict[str, tf.Tensor], names: tuple[str, ...]) -> tf.Tensor | None:
    return next((outputs[name] for name in names if name in outputs), None)


def _flatten(tensor: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tensor, [tf.shape(tensor)[0], -1])  # (B,F), from (B,1,1,F) in the case of pool_3
