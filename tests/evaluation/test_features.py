"""Extractors: SavedModels of Inception's signature."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.evaluation.features import SavedModelExtractor, directory_hash, resize_tf1_bilinear
from sagan_tf.evaluation.inception import InceptionMissingError, inception
from tests.closeness import LAYER, assert_close

IMAGES = tf.constant(np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 3)), tf.float32)


def test_a_saved_model_gives_flat_features_and_logits(tmp_path, save_stand_in):
    model = save_stand_in(tmp_path / "net")
    extractor = SavedModelExtractor(str(tmp_path / "net"))
    features, logits = extractor(IMAGES)
    expected = tf.reduce_mean(IMAGES, [1, 2]) @ model.projection
    assert_close(features, expected, relative=LAYER)
    assert_close(logits, expected @ model.head, relative=LAYER)
    assert (extractor.n_features, extractor.n_logits) == (4, 6)
    assert (extractor.name, extractor.resize, extractor.classifies) == ("saved-model:net", "none", False)


def test_a_fixed_input_size_is_resized_to(tmp_path, save_stand_in):
    model = save_stand_in(tmp_path / "net", side=5)
    extractor = SavedModelExtractor(str(tmp_path / "net"))
    expected = tf.reduce_mean(resize_tf1_bilinear(IMAGES, 5), [1, 2]) @ model.projection
    assert_close(extractor(IMAGES)[0], expected, relative=LAYER)
    assert extractor.resize == "tf1-bilinear 5"


def test_tf1_bilinear_samples_at_multiples_of_the_scale():
    ramp = tf.reshape(tf.range(4.0), [1, 1, 4, 1]) * tf.ones([1, 4, 1, 3])
    np.testing.assert_allclose(resize_tf1_bilinear(ramp, 8)[0, 0, :, 0], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])


def test_the_hash_follows_the_weights_wherever_they_lie(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "a")
    before = directory_hash(str(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b [2]")
    assert SavedModelExtractor(str(tmp_path / "b [2]")).hash == SavedModelExtractor(str(tmp_path / "a")).hash == before
    for name in ("a", "b [2]"):
        data = next((tmp_path / name / "variables").glob("*.data*"))
        content = bytearray(data.read_bytes())
        content[0] ^= 1
        data.write_bytes(content)
        assert directory_hash(str(tmp_path / name)) != before


def test_folders_that_cannot_extract_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold saved_model\.pb; received directory='/nowhere'"):
        SavedModelExtractor("/nowhere")
    with pytest.raises(InceptionMissingError, match="location='/nowhere'"):
        inception("/nowhere")
    silent = tf.Module()
    silent.run = tf.function(lambda x: {"score": x}, input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    tf.saved_model.save(silent, str(tmp_path), signatures=silent.run.get_concrete_function())
    with pytest.raises(ValueError, match=r"outputs=\['score'\]"):
        SavedModelExtractor(str(tmp_path))


class Keras(tf.Module):
    """A classifier with outputs as Keras names them: `predictions` are probabilities."""

    def __init__(self, kernel, input_spec):
        super().__init__()
        self.kernel = tf.Variable(kernel, dtype=tf.float32)
        self.run = tf.function(self.outputs, input_signature=[input_spec])

    def outputs(self, x):
        features = tf.reduce_mean(tf.cast(x, tf.float32), [1, 2])
        return {"features": features, "predictions": tf.nn.softmax(features @ self.kernel)}

    def save(self, folder):
        tf.saved_model.save(self, str(folder), signatures=self.run.get_concrete_function())


def test_probabilities_are_not_taken_as_logits(tmp_path):
    kernel = 4 * np.random.default_rng(0).normal(size=(3, 5))
    Keras(kernel, tf.TensorSpec([None, 8, 8, 3])).save(tmp_path)
    features, logits = SavedModelExtractor(str(tmp_path))(IMAGES)
    assert_close(tf.nn.softmax(logits), tf.nn.softmax(features @ tf.cast(kernel, tf.float32)), relative=LAYER)


@pytest.mark.parametrize(
    ("spec", "received"),
    [
        (tf.TensorSpec([None, 8, 8, 3], tf.uint8), r"received uint8 \(None, 8, 8, 3\)"),
        (tf.TensorSpec([None, 3, 8, 8]), r"received float32 \(None, 3, 8, 8\)"),
        (tf.TensorSpec([None, 8, 6, 3]), r"received float32 \(None, 8, 6, 3\)"),
        (tf.TensorSpec([4, 8, 8, 3]), r"received float32 \(4, 8, 8, 3\)"),
    ],
)
def test_other_inputs_than_square_images_are_refused(tmp_path, spec, received):
    Keras(np.ones((spec.shape[3], 5)), spec).save(tmp_path)
    with pytest.raises(ValueError, match=received):
        SavedModelExtractor(str(tmp_path))
