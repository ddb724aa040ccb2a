"""sagan_tf.load: three lines to images, each by its class and seed."""

import numpy as np
import pytest

import sagan_tf
from sagan_tf.models import families
from sagan_tf.runs.default_statistics import default_statistics
from sagan_tf.runs.run_directory import RunError
from sagan_tf.runs.trained import TrainedModel, restored_discriminator
from sagan_tf.sampling.sampler import Truncation
from tests.closeness import LAYER, NETWORK, assert_close


@pytest.fixture(scope="module")
def model(drawable_run):
    return sagan_tf.load(drawable_run, statistics="moving")


def test_three_lines_to_images(model):
    images = model.images([3, "dots", "3"], seed=7)
    assert images.shape == (3, 32, 32, 3) and images.dtype == np.uint8 and images.std() > 1
    assert model.class_names[2:4] == ("dots", "bricks") and model.step == 3
    np.testing.assert_array_equal(model.images([3], seeds=[7 * 2**32])[0], images[0])
    np.testing.assert_array_equal(model.images(["bricks"], seeds=[7 * 2**32 + 2])[0], images[2])
    assert np.abs(images[0].astype(int) - images[2]).max() > 0
    assert model.images([]).shape == (0, 32, 32, 3)


@pytest.mark.parametrize("truncation", [None, 0.5, Truncation(threshold=0.5, mode="scaled")])
def test_an_image_is_the_networks_of_its_z(model, truncation):
    z = model.z([4, 5], truncation=truncation)
    images = model.generate(z, [1, 2], truncation=truncation)
    assert images.shape == (2, 32, 32, 3) and images.dtype == np.float32 and np.abs(images).max() <= 1
    pixels = np.round(np.clip((images + 1) * 127.5, 0, 255)).astype(np.uint8)
    np.testing.assert_array_equal(model.images([1, 2], seeds=[4, 5], truncation=truncation), pixels)
    live = model.generator(z, np.asarray([1, 2], np.int32), training=False)
    assert_close(images, live, relative=NETWORK)


def test_the_average_is_the_default_and_the_raw_weights_are_others(drawable_run, model):
    raw = sagan_tf.load(drawable_run, average=False, statistics="moving")
    assert (model.averaged, raw.averaged) == (True, False)
    assert np.abs(raw.images([0]).astype(int) - model.images([0])).max() > 0


def test_statistics_follow_the_truncation_unless_they_are_said(drawable_run, model):
    free = sagan_tf.load(drawable_run)
    cut = Truncation(threshold=0.5)
    assert [free.statistics(None), free.statistics(cut)] == ["moving", "standing"]
    assert [model.statistics(None), model.statistics(cut)] == ["moving", "moving"]


@pytest.mark.parametrize("inference", ["moving", "batch"])
def test_one_rule_names_the_statistics_that_no_flag_names(inference):
    spec = families.sagan(inference_statistics=inference)
    assert default_statistics(spec, truncated=False) == inference
    assert default_statistics(spec, truncated=True) == "standing"


def test_the_discriminator_is_of_the_same_checkpoint(tiny_run):
    model = TrainedModel(tiny_run)
    expected, step = restored_discriminator(model.run, step=4)
    assert step == model.step == 4 and model.discriminator is model.discriminator
    np.testing.assert_array_equal(model.discriminator.get_weights()[0], expected.get_weights()[0])


def test_the_batchs_own_statistics_make_an_image_depend_on_its_batch(drawable_run):
    model = sagan_tf.load(drawable_run, statistics="batch")
    z = model.z([1, 2])
    assert np.abs(model.generate(z, [0, 1])[0] - model.generate(z[:1], [0])[0]).max() > 1e-3


def test_attention_is_there_by_layer(model):
    ((name, values),) = model.attention(model.z([1, 2]), [0, "dots"]).items()
    assert name == "attention_8" and values.shape == (2, 8, 8, 4, 4)
    assert_close(values.sum((3, 4)), np.ones((2, 8, 8)), relative=LAYER)


@pytest.mark.parametrize("word", ["dot", 10, "-1", -1])
def test_a_class_that_is_not_there_is_refused(model, word):
    with pytest.raises(RunError, match="classes must be names or indices of this run's 10 classes") as error:
        model.images([word])
    assert ("Did you mean dots?" in str(error.value)) == (word == "dot")


def test_seeds_and_classes_must_be_as_many(model):
    with pytest.raises(ValueError, match="received 2 seeds for 1 labels"):
        model.images([0], seeds=[1, 2])
    with pytest.raises(ValueError, match=r"z must have the shape \(1, 8\); received shape \(1, 9\)"):
        model.generate(np.zeros([1, 9]), [0])


@pytest.mark.parametrize("truncation", [True, "0.5", 0, np.nan])
def test_a_truncation_is_a_positive_number(model, truncation):
    with pytest.raises(ValueError, match=f"threshold must be positive and finite; received threshold={truncation!r}"):
        model.z([1], truncation=truncation)


@pytest.mark.parametrize("mode", ["resampled", "scaled", "scaled_truncated"])
def test_a_whole_threshold_is_the_same_number(model, mode):
    whole, same = (model.z([1, 2], truncation=Truncation(threshold=t, mode=mode)) for t in (1, np.float32(1)))
    np.testing.assert_array_equal(whole, same)


def test_one_class_alone_is_one_image(model):
    z = model.z([5])
    np.testing.assert_array_equal(model.generate(z, "dots"), model.generate(z, [2]))
    assert next(iter(model.attention(z, 2).values())).shape[0] == 1
    with pytest.raises(RunError, match="received '12'"):  # and not the classes 1 and 2
        model.generate(model.z([1, 2]), "12")


def test_one_z_is_not_spread_over_classes(model):
    with pytest.raises(ValueError, match=r"z must have the shape \(2, 8\); received shape \(1, 8\)"):
        model.attention(model.z([1]), [0, 1])


def test_unknown_statistics_are_refused(drawable_run):
    with pytest.raises(ValueError, match=r"received statistics='standng'\. Did you mean 'standing'\?"):
        sagan_tf.load(drawable_run, statistics="standng")
