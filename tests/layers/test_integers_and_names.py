"""What the layers do with integers, as numbers and as labels, and how they start and are named in any model."""

import numpy as np
import pytest
import tensorflow as tf

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
BYTES = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 8))
LABELS = np.array([1, 3])

TAKE_NUMBERS = {
    "Conv2D": (lambda: Conv2D(4), BYTES),
    "Dense": (lambda: Dense(4), BYTES[:, 0, 0]),
    "UpsampleConv2D": (lambda: UpsampleConv2D(4), BYTES),
    "ConvDownsample2D": (lambda: ConvDownsample2D(4), BYTES),
    "BatchNorm": (lambda: BatchNorm(), BYTES),
    "SelfAttention": (lambda: SelfAttention(), BYTES),
    "SpectralNorm": (lambda: SpectralNorm(Dense(4)), BYTES[:, 0, 0]),
    "SpectralNorm of Keras' Dense": (lambda: SpectralNorm(K.layers.Dense(4)), BYTES[:, 0, 0]),
}
TAKE_LABELS = {
    "Embedding": (lambda: Embedding(5, 4), []),
    "SpectralNorm": (lambda: SpectralNorm(Embedding(5, 4)), []),
    "SpectralNorm of Keras' Embedding": (lambda: SpectralNorm(K.layers.Embedding(5, 4)), []),
    "ConditionalBatchNorm": (lambda: ConditionalBatchNorm(n_classes=5), [BYTES.astype("f4")]),
    "ProjectionHead": (lambda: ProjectionHead(n_classes=5), [BYTES[:, 0, 0].astype("f4")]),
}


@pytest.mark.parametrize("name", TAKE_NUMBERS)
def test_integers_are_computed_as_the_equal_floating_point_numbers(name):
    """Kernels in integers are zero, and TensorFlow multiplies maps of int32 by them."""
    make, numbers = TAKE_NUMBERS[name]
    layer = make()
    expected = layer(numbers.astype(np.float32))
    assert np.abs(expected).max() > 0
    for dtype in (np.uint8, np.int32):
        found = layer(numbers.astype(dtype))
        assert found.dtype == tf.float32
        np.testing.assert_array_equal(found, expected)


def test_a_vector_of_integers_is_a_condition():
    layer, vector = ConditionalBatchNorm(), BYTES[:, 0, 0]
    expected = layer(BYTES.astype("f4"), vector.astype("f4"))
    np.testing.assert_array_equal(layer(BYTES.astype("f4"), vector.astype("i4")), expected)


def test_integers_follow_a_policy_of_16_bits():
    assert Conv2D(4, dtype="mixed_bfloat16")(BYTES.astype(np.uint8)).dtype == tf.bfloat16


@pytest.mark.parametrize("name", TAKE_LABELS)
def test_labels_may_be_of_any_integer_type(name):
    make, inputs = TAKE_LABELS[name]
    layer = make()
    expected = layer(*inputs, LABELS.astype(np.int32))
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i8"):
        np.testing.assert_array_equal(layer(*inputs, LABELS.astype(dtype)), expected)


@pytest.mark.parametrize("wrap", [lambda layer: layer, SpectralNorm])
def test_a_table_states_the_shape_that_it_returns(wrap):
    """Keras 3 takes the shapes of functional models from `compute_output_shape`."""
    for shape, dtype in (((), "int32"), ((1,), "int32"), ((3, 2), "int32"), ((5,), "float32")):
        layer, entrance = wrap(Embedding(5, 4)), K.Input(shape, dtype=dtype)
        found = layer(np.ones((2, *shape), dtype)).shape
        assert tuple(layer(entrance).shape) == (None, *found[1:])


def test_no_two_kernels_of_attention_start_alike_from_one_initializer():
    for spectral_norm in (False, True):
        layer = SelfAttention(kernel_initializer=K.initializers.Orthogonal(), spectral_norm=spectral_norm)
        layer(np.ones((1, 4, 4, 16), "f4"))
        query, key = (part.layer.kernel if spectral_norm else part.kernel for part in (layer.query, layer.key))
        assert np.abs(np.asarray(query) - np.asarray(key)).max() > 0.01


def test_an_initializer_that_does_not_describe_itself_is_used_as_it_is():
    class Thirds(K.initializers.Initializer):
        def __init__(self, by):
            self.by = by

        def __call__(self, shape, dtype=None):
            return tf.fill(shape, tf.constant(1.0 / self.by, tf.float32))

    layer = SelfAttention(kernel_initializer=Thirds(3), spectral_norm=False)
    layer(np.ones((1, 4, 4, 8), "f4"))
    np.testing.assert_allclose(np.asarray(layer.value.kernel), 1 / 3, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_model_is_saved_as_h5_by_either_keras(tmp_path):
    x, y = K.Input((8, 8, 8)), K.Input((), dtype="int32")
    h = SelfAttention()(ConditionalBatchNorm(n_classes=5)(SelfAttention(spectral_norm=False)(x), y))
    h = K.layers.GlobalAveragePooling2D()(SpectralNorm(UpsampleConv2D(8))(BatchNorm()(h)))
    model = K.Model([x, y], ProjectionHead(n_classes=5)(h, y))
    inputs = [BYTES.astype("f4"), LABELS.astype("i4")]
    model(inputs, training=True)
    model.save(tmp_path / "model.h5")
    loaded = K.models.load_model(tmp_path / "model.h5", compile=False)
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))
