"""A small classifier of the run's own data set as a feature extractor.

It is used for data unlike ImageNet, and on machines without Inception. If the data have no classes, it learns instead
to recognize how images are rotated (rotations.py). Its numbers are stored with its name, and can be compared only with
numbers from exactly the same weights.

Letters of shapes: N images, B of them per batch, R pixels per side, K classes.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from sagan_tf.data.pipeline import training_batches
from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.cache import array_hash, content_key, keep_arrays, read_arrays
from sagan_tf.evaluation.held_out_accuracy import accuracy_note, chance_of, warn_of_low_accuracy
from sagan_tf.evaluation.rotations import FEWEST, TURNS, with_turns
from sagan_tf.foundation.files import cache_folder
from sagan_tf.foundation.pixels import levels, normalized
from sagan_tf.foundation.progress import Progress
from sagan_tf.foundation.spelling import counted

VERSION = 2
MAX_SIDE = 64  # pixels per side; larger images are first averaged down to this
MAX_BYTES = 512 * 2**20  # of training images held in memory
WIDTHS = (32, 64, 128)
N_FEATURES = 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierBudget:
    """How the classifier is trained: by Adam, with a cosine decay from `learning_rate` to 0."""

    steps: int = 1200
    batch_size: int = 128
    learning_rate: float = 2e-3
    seed: int = 0


class Network(tf.keras.Model):
    """Three 3x3 convolutions of stride 2 and a dense layer (the features), each with ReLU, and a linear head.

    Unlike global average pooling, the dense layer preserves the positions of objects.
    Shapes: images (B,R,R,3) in [-1,1] -> features (B,128), logits (B,K).
    """

    def __init__(self, n_classes: int):
        super().__init__(dtype="float32")  # whatever the program's global policy is
        like = {"activation": "relu", "dtype": "float32"}
        self.convolutions = [tf.keras.layers.Conv2D(width, 3, strides=2, padding="same", **like) for width in WIDTHS]
        self.embedding = tf.keras.layers.Dense(N_FEATURES, **like)
        self.head = tf.keras.layers.Dense(n_classes, dtype="float32")

    def call(self, images):
        hidden = images
        for convolution in self.convolutions:
            hidden = convolution(hidden)
        features = self.embedding(tf.reshape(hidden, [-1, math.prod(hidden.shape[1:])]))  # (B,F)
        return features, self.head(features)

    def named_variables(self) -> dict[str, tf.Variable]:
        """The variables, by names that are the same in both flavors of Keras."""
        layers = {f"convolution_{i}": layer for i, layer in enumerate(self.convolutions, start=1)}
        layers |= {"embedding": self.embedding, "head": self.head}
        return {f"{name}/{part}": getattr(layer, part) for name, layer in layers.items() for part in ("kernel", "bias")}


class DatasetClassifier:
    """The trained network as an extractor.

    accuracy: on examples that were held out of training; chance: that of guessing.
    classifies: whether its logits are for the data's classes, and not for rotations, which are not returned.
    class_names, label_kind: of the examples that it learned from; logit k is of class k.
    """

    def __init__(self, arrays: dict[str, np.ndarray], *, examples: Examples, resolution: int):
        weights = {name: value for name, value in arrays.items() if name not in ("accuracy", "chance")}
        self.accuracy = float(arrays["accuracy"])
        self.name = f"{extractor_name(examples)}@{resolution}"
        self.classifies = has_classes(examples)
        self.class_names, self.label_kind = examples.class_names, examples.label_kind
        self.hash = array_hash(weights)
        self.resize = f"area {MAX_SIDE}" if resolution > MAX_SIDE else "none"
        n_outputs = len(weights["head/bias"])
        self.n_features, self.n_logits = N_FEATURES, n_outputs if self.classifies else 0
        self.chance = float(arrays.get("chance", 1 / n_outputs))  # an earlier version's cache doesn't have it
        self.note = accuracy_note(self.accuracy, self.chance, classifies=self.classifies)
        self._network = _build(n_outputs, min(resolution, MAX_SIDE))
        for name, variable in self._network.named_variables().items():
            variable.assign(weights[name])
        signature = [tf.TensorSpec([None, resolution, resolution, 3])]
        self._run = tf.function(self._outputs, input_signature=signature)

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._run(images)

    def _outputs(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features, logits = self._network(_shrink(images))
        return features, logits[:, : self.n_logits]


def dataset_classifier(
    examples: Examples,
    *,
    resolution: int,
    transform: Transform,
    budget: ClassifierBudget | None = None,
    progress: bool = True,
) -> DatasetClassifier:
    """The classifier of this data at this resolution: read from the cache, or trained (about a minute) and cached.

    The cache's key covers the data's fingerprint and classes, the resolution, transform and budget, and VERSION.

    Raises:
      ValueError: for data with too few classes or images.
    """
    budget = budget or ClassifierBudget()
    check_learnable(examples)
    n_classes = len(examples.class_names) if has_classes(examples) else TURNS
    key = content_key(
        kind="classifier", version=VERSION, data=examples.fingerprint, resolution=resolution, transform=repr(transform),
        budget=repr(budget), widths=str(WIDTHS),
        classes="\n".join(examples.class_names) if has_classes(examples) else "rotations",
    )  # fmt: skip
    path = cache_folder("classifiers") / f"{key}.npz"
    arrays = read_arrays(path)
    if arrays is None:
        images, labels = _draw(examples, resolution=resolution, transform=transform, seed=budget.seed)
        images, labels = (images, labels) if has_classes(examples) else with_turns(images)
        arrays = train_classifier(images, labels, n_classes=n_classes, budget=budget, progress=progress)
        keep_arrays(path, arrays, what="the cache of classifiers")
    made = DatasetClassifier(arrays, examples=examples, resolution=resolution)
    warn_of_low_accuracy(made.name, made.accuracy, made.chance, classifies=made.classifies)
    return made


def has_classes(examples: Examples) -> bool:
    """Whether the classifier learns classes rather than rotations."""
    return examples.label_kind != "none"


def extractor_name(examples: Examples) -> str:
    """The name of the extractor that learns from these examples, without its resolution."""
    return f"dataset-{'classifier' if has_classes(examples) else 'rotations'}:{examples.name}"


def check_learnable(examples: Examples) -> None:
    """Checks that there is something to learn.

    Raises:
      ValueError: for data with too few classes or images.
    """
    remedy = (
        "Name another extractor: --extractor=inception, or --extractor=FOLDER with a SavedModel (in gin: "
        "EvaluationOptions.extractor)."
    )
    if has_classes(examples) and len(examples.class_names) < 2:
        raise ValueError(
            "images must belong to at least 2 classes to be measured by a classifier that is trained on them; received "
            f"{examples.name} with the classes {', '.join(examples.class_names)}. {remedy}"
        )
    kind, least = ("", 2) if has_classes(examples) else (" without classes", FEWEST)  # one is held out
    if examples.n_examples < least:
        raise ValueError(
            f"images{kind} must number at least {least} to be measured by a network that is trained on them; received "
            f"{counted(examples.n_examples, 'image')} in {examples.name}. {remedy}"
        )


def train_classifier(
    images: np.ndarray, labels: np.ndarray, *, n_classes: int, budget: ClassifierBudget, progress: bool = True
) -> dict[str, np.ndarray]:
    """Trains on the first nine tenths of the images and tests on the rest: weights by name, `accuracy`, `chance`.

    Shapes: images uint8 (N,R,R,3) in random order, labels (N,).
    """
    n_train = len(images) - max(1, len(images) // 10)
    network = _build(n_classes, images.shape[1])
    _initialize(network, budget.seed)
    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(budget.learning_rate, budget.steps))
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            _, logits = network(_from_uint8(x))
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    rng = np.random.default_rng(budget.seed)
    bar = Progress(range(budget.steps), title="training the data set's classifier", unit="step", quiet=not progress)
    for _ in bar:
        rows = rng.integers(n_train, size=budget.batch_size)
        loss = step(images[rows], labels[rows])
        if bar.n % 50 == 0:
            bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
    accuracy = _accuracy(network, images[n_train:], labels[n_train:])
    weights = {name: tf.convert_to_tensor(value).numpy() for name, value in network.named_variables().items()}
    return weights | {"accuracy": np.float64(accuracy), "chance": np.float64(chance_of(labels))}


def _draw(examples: Examples, *, resolution: int, transform: Transform, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct examples in random order, in whole hundreds (all, if they are fewer), as many as MAX_BYTES allows."""
    side = min(resolution, MAX_SIDE)
    each = side * side * 3 * (1 if has_classes(examples) else TURNS)
    wanted = min(examples.n_examples, MAX_BYTES // each)
    batch_size = min(100, wanted)
    batches = training_batches(
        examples, resolution=resolution, batch_size=batch_size, seed=seed, start_batch=0, transform=transform
    )
    images, labels = [], []
    count = wanted // batch_size
    rows = with_plain_errors(batches.take(count))
    for x, y in Progress(rows, total=count, title="reading images for the classifier", unit="batch"):
        images.append(tf.cast(tf.round(levels(_shrink(x))), tf.uint8).numpy())
        labels.append(y.numpy())
    return np.concatenate(images), np.concatenate(labels)


def _build(n_classes: int, side: int) -> Network:
    network = Network(n_classes)
    network(tf.zeros([1, side, side, 3]))
    return network


def _initialize(network: Network, seed: int) -> None:
    """He normal kernels, drawn by NumPy so that both flavors of Keras start with the same ones; biases stay 0."""
    rng = np.random.default_rng(seed)
    for name, variable in network.named_variables().items():
        if name.endswith("kernel"):
            fan_in = int(np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(scale=np.sqrt(2 / fan_in), size=variable.shape))


def _accuracy(network: Network, images: np.ndarray, labels: np.ndarray) -> float:
    hits = 0
    for start in range(0, len(images), 500):
        _, logits = network(_from_uint8(images[start : start + 500]))
        hits += int((tf.argmax(logits, 1).numpy() == labels[start : start + 500]).sum())
    return hits / len(images)


def _from_uint8(images) -> tf.Tensor:
    return normalized(tf.cast(images, tf.float32))


def _shrink(images: tf.Tensor) -> tf.Tensor:
    if images.shape[1] <= MAX_SIDE:
        return images
    return tf.image.resize(images, [MAX_SIDE, MAX_SIDE], method="area")
