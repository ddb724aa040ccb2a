"""Extractors: SavedModels of Inception's signature, where Inception may lie, what is said where it isn't."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation import inception as module
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.features import SavedModelExtractor, directory_hash, resize_tf1_bilinear
from sagan_tf.evaluation.inception import InceptionMissingError, inception, local_inception
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


def test_the_hash_follows_the_weights(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "a")
    before = directory_hash(str(tmp_path / "a"))
    assert before == SavedModelExtractor(str(tmp_path / "a")).hash
    data = next((tmp_path / "a" / "variables").glob("*.data*"))
    content = bytearray(data.read_bytes())
    content[0] ^= 1
    data.write_bytes(content)
    assert directory_hash(str(tmp_path / "a")) != before


def test_inception_is_found_in_tfhubs_cache_and_loaded_once(tmp_path, save_stand_in, monkeypatch):
    assert local_inception() is None
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "c4be6b55dc0338e82546082d22184ebdc77d76cf"
    save_stand_in(folder, side=299)
    assert local_inception() == str(folder)
    extractor = choose_extractor("auto", examples=None, resolution=8, transform=Transform())
    assert extractor.name == "inception-2015-12-05" and extractor.resize == "tf1-bilinear 299"
    assert inception() is extractor is inception(str(folder))
    assert extractor(IMAGES)[0].shape == (3, 4)


def test_offline_the_message_says_what_to_copy_where(tmp_path, monkeypatch):
    def refuse(handle):
        raise RuntimeError("no route to host")

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tensorflow_hub.resolve", refuse)
    with pytest.raises(InceptionMissingError, match="no route to host") as caught:
        inception()
    assert module.HANDLE in str(caught.value) and f"{tmp_path}/{module.FOLDER}" in str(caught.value)


def test_a_stale_lock_is_named_instead_of_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    (tmp_path / f"{module.FOLDER}.lock").touch()
    with pytest.raises(InceptionMissingError, match=r"\.lock"):
        inception()


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


def test_the_data_sets_classifier_needs_examples():
    with pytest.raises(ValueError, match="extractor=dataset must have labeled examples"):
        choose_extractor("dataset", examples=None, resolution=8, transform=Transform())
