"""The public layers in any Keras model: every layer, kind of model, precision, and way of saving."""

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf.layers as public
from sagan_tf.layers import (
    BatchNorm,
    ConditionalBatchNorm,
    Conv2D,
    ConvDownsample2D,
    Dense,
    Embedding,
    ProjectionHead,
    SelfAttention,
    SpectralNorm,
    UpsampleConv2D,
)

K = tf.keras
MAP, VECTOR, LABEL = (8, 8, 16), (16,), ()
N_CLASSES = 5

# name: (factory of the layer, shapes of its inputs)
CASES = {
    "Conv2D": (lambda: Conv2D(8, kernel_initializer="orthogonal"), [MAP]),
    "Dense": (lambda: Dense(8, use_bias=False), [VECTOR]),
    "Embedding": (lambda: Embedding(N_CLASSES, 8), [LABEL]),
    "UpsampleConv2D": (lambda: UpsampleConv2D(8, form="fused"), [MAP]),
    "ConvDownsample2D": (lambda: ConvDownsample2D(8), [MAP]),
    "BatchNorm": (lambda: BatchNorm(decay=0.5), [MAP]),
    "ConditionalBatchNorm of classes": (lambda: ConditionalBatchNorm(n_classes=N_CLASSES), [MAP, LABEL]),
    "ConditionalBatchNorm of a vector": (lambda: ConditionalBatchNorm(), [MAP, VECTOR]),
    "ConditionalBatchNorm of layers": (
        lambda: ConditionalBatchNorm(
            gain=SpectralNorm(Dense(16, use_bias=False)), bias=Dense(16, use_bias=False), one_centered=True
        ),
        [MAP, VECTOR],
    ),
    "SelfAttention": (lambda: SelfAttention(), [MAP]),
    "SelfAttention paper": (lambda: SelfAttention(form="paper", spectral_norm=False), [MAP]),
    "SelfAttention blocked": (lambda: SelfAttention(form="v1", algorithm="blocked"), [MAP]),
    "ProjectionHead": (lambda: ProjectionHead(n_classes=N_CLASSES), [VECTOR, LABEL]),
    "SpectralNorm of Conv2D": (lambda: SpectralNorm(Conv2D(8)), [MAP]),
    "SpectralNorm of Keras' Conv2D": (
        lambda: SpectralNorm(K.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")),
        [MAP],
    ),
    "SpectralNorm of Keras' Conv2DTranspose": (
        lambda: SpectralNorm(K.layers.Conv2DTranspose(4, 4, 2, padding="same")),
        [MAP],
    ),
    "SpectralNorm of Keras' Dense": (lambda: SpectralNorm(K.layers.Dense(8), epsilon=1e-4), [VECTOR]),
    "SpectralNorm of Keras' Embedding": (lambda: SpectralNorm(K.layers.Embedding(N_CLASSES, 8)), [LABEL]),
}
ONE_INPUT = [name for name, (_, shapes) in CASES.items() if len(shapes) == 1]
ANY_SIDES = [name for name, (_, shapes) in CASES.items() if MAP in shapes and name != "SelfAttention blocked"]
POLICIES = ["float32", "mixed_bfloat16", "mixed_float16"]


def one_or_many(inputs):
    """The inputs as Keras models take them: one tensor, or a list of several."""
    return inputs if len(inputs) > 1 else inputs[0]


def inputs_of(name, n=4):
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, N_CLASSES, n).astype(np.int32) if shape == LABEL else rng.normal(0, 1, (n, *shape)).astype("f4")
        for shape in CASES[name][1]
    ]


def keras_inputs(name, unknown_sides=False):
    made = []
    for shape in CASES[name][1]:
        shape = (None, None, shape[-1]) if unknown_sides and shape == MAP else shape
        made.append(K.Input(shape, dtype="int32" if shape == LABEL else "float32"))
    return made


def functional(name, unknown_sides=False):
    inputs = keras_inputs(name, unknown_sides)
    return K.Model(one_or_many(inputs), CASES[name][0]()(*inputs))


def sequential(name):
    return K.Sequential([*keras_inputs(name), CASES[name][0]()])


def subclassed(name):
    class Model(K.Model):
        def __init__(self):
            super().__init__()
            self.inner = CASES[name][0]()

        def call(self, inputs, training=False):
            inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
            return self.inner(*inputs, training=training)

    return Model()


FORMS = {"functional": functional, "sequential": sequential, "subclassed": subclassed}


def answer(model, name):
    return np.asarray(tf.cast(model(one_or_many(inputs_of(name)), training=False), tf.float32))


def moved_from_the_start(model, name):
    """The model with weights that differ from the initial ones, gamma's included."""
    model(one_or_many(inputs_of(name)), training=True)
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.3 * rng.random(w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


@pytest.fixture
def policy(request):
    K.mixed_precision.set_global_policy(request.param)
    yield request.param
    K.mixed_precision.set_global_policy("float32")


def test_every_public_layer_has_a_case():
    layers = {n for n in public.__all__ if isinstance(getattr(public, n), type)}
    assert layers == {type(make()).__name__ for make, _ in CASES.values()}


@pytest.mark.parametrize("policy", POLICIES, indirect=True)
@pytest.mark.parametrize(
    ("name", "form"), [(n, f) for n in CASES for f in FORMS if f != "sequential" or n in ONE_INPUT]
)
def test_it_trains_in_any_model_and_precision(name, form, policy):
    model, inputs = FORMS[form](name), one_or_many(inputs_of(name))
    expected = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}[policy]
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert outputs.dtype == expected
    assert all(g is not None and np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)
    stored = {"float32"} if "Keras" not in name else {"float32", expected}
    assert {tf.as_dtype(w.dtype).name for w in model.get_weights()} <= stored


class Together:
    """One model whose branches are all the cases, since compiling one model is as quick as compiling one branch.

    layers: the layer of each case. inputs: all branches' inputs, as the model takes them.
    """

    def __init__(self):
        entrances = {name: keras_inputs(name) for name in CASES}
        self.layers = {name: CASES[name][0]() for name in CASES}
        self.model = K.Model(
            [i for inputs in entrances.values() for i in inputs],
            [self.layers[name](*inputs) for name, inputs in entrances.items()],
        )
        self.inputs = [tf.constant(array) for name in CASES for array in inputs_of(name)]

    def weights(self):
        return {name: layer.get_weights() for name, layer in self.layers.items()}

    def answers(self):
        return dict(zip(CASES, map(np.asarray, self.model(self.inputs, training=False)), strict=True))


@pytest.fixture(scope="module")
def fitted_together():
    """Of each case: the weights at the start, after `fit` and after `predict`, and what that predicted."""
    K.utils.set_random_seed(0)
    together = Together()
    model, stages = together.model, [together.weights()]
    model.compile(optimizer=K.optimizers.SGD(0.1), loss=["mse"] * len(CASES))
    targets = [np.ones_like(value) for value in together.answers().values()]
    model.fit(together.inputs, targets, batch_size=2, verbose=0)
    stages.append(together.weights())
    predicted = dict(zip(CASES, model.predict(together.inputs, batch_size=2, verbose=0), strict=True))
    return *stages, together.weights(), predicted


@pytest.mark.parametrize("name", CASES)
def test_fit_moves_the_weights_and_predict_does_not(name, fitted_together):
    start, fitted, after, predicted = (stage[name] for stage in fitted_together)
    assert any(np.abs(a - b).max() > 0 for a, b in zip(start, fitted, strict=True))
    assert predicted.shape == (4, *functional(name).output_shape[1:])
    for a, b in zip(fitted, after, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def read_elsewhere(tmp_path_factory):
    """The outputs of all models, and those of their .keras files loaded in another process."""
    folder = tmp_path_factory.mktemp("models")
    expected = {}
    for i, name in enumerate(CASES):
        model = moved_from_the_start(functional(name), name)
        model.save(folder / f"{i}.keras")
        expected[name] = answer(model, name)
        np.savez(folder / f"{i}.npz", *inputs_of(name))
    program = """
import sys, json
import numpy as np, tensorflow as tf
import sagan_tf.layers
folder, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    model = tf.keras.models.load_model(f"{folder}/{i}.keras")
    inputs = list(np.load(f"{folder}/{i}.npz").values())
    np.save(f"{folder}/{i}.npy", np.asarray(model(inputs if len(inputs) > 1 else inputs[0], training=False)))
"""
    command = [sys.executable, "-c", program, str(folder), str(len(CASES))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: (expected[name], np.load(folder / f"{i}.npy")) for i, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
def test_a_saved_model_answers_alike_in_another_process(name, read_elsewhere):
    expected, found = read_elsewhere[name]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def text(layer):
    return json.dumps(layer.get_config(), sort_keys=True, default=str)


@pytest.mark.parametrize("name", CASES)
def test_it_is_cloned_and_described(name):
    model = moved_from_the_start(functional(name), name)
    clone = K.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(answer(clone, name), answer(model, name))
    again = K.models.model_from_json(model.to_json())
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]
    layer = CASES[name][0]()
    config = type(layer).from_config(layer.get_config()).get_config()
    assert json.dumps(config, sort_keys=True, default=str) == json.dumps(
        layer.get_config(), sort_keys=True, default=str
    )


@pytest.mark.parametrize("form", ["functional", "subclassed"])
@pytest.mark.parametrize("name", CASES)
def test_its_weights_are_kept(name, form, tmp_path):
    model = moved_from_the_start(FORMS[form](name), name)
    expected = answer(model, name)
    model.save_weights(tmp_path / "w.weights.h5")
    fresh = FORMS[form](name)
    answer(fresh, name)
    fresh.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(answer(fresh, name), expected)


@pytest.fixture(scope="module")
def exported_together(tmp_path_factory):
    """What each branch answers, and what it answers as an exported model."""
    K.utils.set_random_seed(0)
    together, folder = Together(), tmp_path_factory.mktemp("exported") / "saved"
    together.model(together.inputs, training=True)
    rng = np.random.default_rng(1)
    moved = [w + 0.3 * rng.random(w.shape).astype(w.dtype) for w in together.model.get_weights()]
    together.model.set_weights(moved)
    together.model.export(folder)
    exported = tf.saved_model.load(folder)  # has to outlive the call
    return together.answers(), dict(zip(CASES, exported.serve(together.inputs), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_an_exported_model_answers_alike(name, exported_together):
    expected, found = (answers[name] for answers in exported_together)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


@pytest.fixture(scope="module")
def compiled_and_replicated(mirrored):
    """Of each case: the layer's answer, that of XLA's program, and those of two replicas in training."""
    K.utils.set_random_seed(0)
    inputs = {name: [tf.constant(array) for array in inputs_of(name)] for name in CASES}
    layers = {name: CASES[name][0]() for name in CASES}

    def answers(layers, training):
        return {name: layers[name](*inputs[name], training=training) for name in CASES}

    plain = answers(layers, training=False)
    compiled = tf.function(lambda: answers(layers, training=False), jit_compile=True)()
    with mirrored.scope():
        shared = {name: CASES[name][0]() for name in CASES}
        answers(shared, training=False)
        of_replicas = mirrored.run(tf.function(lambda: answers(shared, training=True)))
    return {name: (plain[name], compiled[name], *mirrored.experimental_local_results(of_replicas[name]))
            for name in CASES}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_compiled_by_xla_and_runs_on_replicas(name, compiled_and_replicated):
    expected, compiled, first, second = compiled_and_replicated[name]
    np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(first, second)


def all_three():
    x, y = K.Input(MAP), K.Input((), dtype="int32")
    h = K.layers.ReLU()(ConditionalBatchNorm(n_classes=N_CLASSES)(SpectralNorm(K.layers.Conv2D(16, 3))(x), y))
    h = K.layers.GlobalAveragePooling2D()(SelfAttention()(h))
    return K.Model([x, y], SpectralNorm(K.layers.Dense(1))(h))


def fitted(jit_compile=False, strategy=None):
    """The history and weights of a model of all three layers after four steps of `fit`, and its inputs.

    Eager by default; `fit` on one device's graph is tested with each layer.
    """
    K.utils.set_random_seed(1)
    inputs = inputs_of("ConditionalBatchNorm of classes", n=16)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = all_three()
        eager = not jit_compile and strategy is None
        model.compile(optimizer=K.optimizers.SGD(0.05), loss="mse", jit_compile=jit_compile, run_eagerly=eager)
    targets = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
    return model.fit(inputs, targets, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"], model, inputs


def test_a_model_of_all_three_is_fitted_by_xla_and_on_replicas_for_any_batch(mirrored):
    losses, model, inputs = fitted()
    compiled, by_xla, _ = fitted(jit_compile=True)
    np.testing.assert_allclose(compiled, losses, rtol=1e-3)
    np.testing.assert_allclose(by_xla.get_weights()[0], model.get_weights()[0], rtol=0, atol=1e-4)
    shared, on_replicas, _ = fitted(strategy=mirrored)
    assert np.isfinite(shared).all() and shared[1] < shared[0] and losses[1] < losses[0]
    for fit_model in (model, on_replicas):
        whole = fit_model.predict(inputs, batch_size=16, verbose=0)
        np.testing.assert_allclose(fit_model.predict(inputs, batch_size=6, verbose=0), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ANY_SIDES)
def test_the_sides_of_the_map_may_be_unknown(name):
    model = functional(name, unknown_sides=True)
    fixed = functional(name)
    fixed.set_weights(model.get_weights())
    np.testing.assert_allclose(answer(model, name), answer(fixed, name), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [lambda **o: Conv2D(4, 1, **o), lambda **o: SelfAttention(**o)])
def test_a_layer_with_an_initializer_of_keras_is_described_again_and_again(make):
    layer = make(kernel_initializer=K.initializers.RandomNormal(0.0, 0.02, seed=1))
    again = type(layer).from_config(type(layer).from_config(layer.get_config()).get_config())
    assert again.get_config() == layer.get_config()
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 8)).astype("f4")
    np.testing.assert_array_equal(again(x), layer(x))
    for one, other in zip(again.get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (lambda: Conv2D(4), [(8, 16)], r"Conv2D's input must be \(B,H,W,C\); received shape="),
        (lambda: SpectralNorm(UpsampleConv2D(4)), [(8, 16)], r"UpsampleConv2D's input must be \(B,H,W,C\)"),
        (lambda: SelfAttention(), [(8, 16)], r"SelfAttention's input must be \(B,H,W,C\)"),
        (lambda: BatchNorm(), [(16,)], r"a batch norm's input must be \(B,H,W,C\)"),
        (
            lambda: ConditionalBatchNorm(n_classes=5),
            [(4, 4, 16), (1,)],
            r"gain must be .*labels \(B,1\) by tf\.squeeze",
        ),
        (lambda: ConditionalBatchNorm(), [(4, 4, 16), (3, 8)], r"gain must be \(B,C\); received shape="),
        (lambda: ProjectionHead(n_classes=5), [(16,), (1,)], r"labels must be \(B,C\); .*those of shape \(B,1\) by"),
        (lambda: ProjectionHead(n_classes=5), [(2, 16), ()], r"ProjectionHead's features must be \(B,C\)"),
    ],
)
def test_another_number_of_axes_is_refused_rather_than_broadcast(layer, shapes, message):
    """TensorFlow broadcasts (B,1,C) over maps and logits, and its convolution ends the process for (B,H,C)."""
    inputs = [tf.ones([4, *shape], tf.int32 if i else tf.float32) for i, shape in enumerate(shapes)]
    if shapes[-1] == (3, 8):
        inputs[-1] = tf.cast(inputs[-1], tf.float32)
    with pytest.raises(ValueError, match=message):
        layer()(*inputs)


def test_the_spectral_norms_inside_have_the_given_epsilon():
    attention = SelfAttention(spectral_norm_epsilon=0.25)
    attention(tf.zeros([1, *MAP]))
    head = ProjectionHead(n_classes=N_CLASSES, spectral_norm_epsilon=0.25)
    head(tf.zeros([1, *VECTOR]), tf.zeros([1], tf.int32))
    parts = (attention.query, attention.key, attention.value, attention.out, head.dense, head.embedding)
    assert [part.epsilon for part in parts] == [0.25] * 6


def test_labels_that_are_not_integers_are_refused():
    with pytest.raises(ValueError, match=r"floating-point input must be \(B,n_classes\); .*Labels must be integers"):
        ConditionalBatchNorm(n_classes=5)(tf.ones([4, 4, 4, 16]), tf.ones([4]))


def test_what_cannot_be_described_or_built_says_so():
    conv = lambda channels: Conv2D(channels, 1)  # noqa: E731
    with pytest.raises(TypeError, match="without conv= to be saved"):
        SelfAttention(conv=conv).get_config()
    with pytest.raises(TypeError, match="kernel_initializer must be a Keras initializer or its name"):
        Dense(3, kernel_initializer=lambda shape, dtype=None: np.zeros(shape)).get_config()
    with pytest.raises(ValueError, match="algorithm='blocked' must know the map's sides"):
        functional("SelfAttention blocked", unknown_sides=True)
    with pytest.raises(ValueError, match="gain and bias must both be layers"):
        ConditionalBatchNorm(gain=Dense(3))
    with pytest.raises(ValueError, match="must be given n_classes alone, or"):
        ProjectionHead()
