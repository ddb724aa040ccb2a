"""Statistics published with a generator: interpolated between their truncations, kept with the weights, used by all."""

import argparse
import shutil

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.foundation.npz import write_npz
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.runs import export as exporting
from sagan_tf.runs.explorer import ExplorerModel
from sagan_tf.runs.published_statistics import FILE, PublishedStatistics, published_statistics
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.sampler import Truncation
from tests.closeness import NETWORK, assert_close

SETS = [{"a": np.array([i, 10.0 * i], np.float32)} for i in range(51)]


@pytest.mark.parametrize(
    ("threshold", "value"),
    [(0.4, 20), (0.5, 25), (1.0, 50), (0.405, 20.25), (0.415, 20.75), (0.01, 0.5), (0.995, 49.75), (None, 50), (2, 50)],
)
def test_between_two_truncations_more_of_the_nearer_set_is_taken(threshold, value):
    found = PublishedStatistics.of_sets(SETS).at(threshold)["a"]
    np.testing.assert_allclose(found, [value, 10 * value], rtol=1e-6)
    assert found.dtype == np.float32


def test_at_its_truncation_a_set_is_taken_as_it_is():
    published = PublishedStatistics.of_sets([{"a": np.array([x, -x], np.float32)} for x in np.pi ** np.arange(51) / 7])
    for i in range(51):
        np.testing.assert_array_equal(published.at(i / 50)["a"], published.values["a"][i])


def test_what_they_cover():
    published = PublishedStatistics.of_sets(SETS)
    assert published.cover(None) and published.cover(Truncation(threshold=1.0, mode="scaled_truncated"))
    assert not published.cover(Truncation(threshold=0.5))
    assert not published.cover(Truncation(threshold=1.01, mode="scaled_truncated"))
    with pytest.raises(RunError, match=r"truncation 0\.5 with resampled"):
        published.check_cover(Truncation(threshold=0.5))
    with pytest.raises(ValueError, match="received 2 for"):
        PublishedStatistics((0.0, 1.0), {"a": np.zeros((3, 2))})


@pytest.fixture(scope="module")
def imported(drawable_run, tmp_path_factory):
    """The drawable run as if it had been imported with five sets of statistics; their folder and they."""
    folder = tmp_path_factory.mktemp("imported") / "run"
    shutil.copytree(drawable_run, folder, ignore=shutil.ignore_patterns("checkpoints"))
    run = RunDirectory(folder)
    model = TrainedModel(drawable_run)
    variables = named_variables(model.generator)
    run.checkpoints().save({f"average.{name}": variable for name, variable in variables.items()}, 0)
    usual = {name: v.numpy() for name, v in variables.items() if ".statistics." in name}
    sets = [{name: value * np.float32(0.5 + 0.1 * i) for name, value in usual.items()} for i in range(5)]
    published = PublishedStatistics.of_sets(sets)
    published.save(folder)
    return run, published


def expected(model, published, threshold, seeds, labels):
    """Images by the generator itself with the statistics of this truncation, of z cut at 2 and scaled."""
    z = model.z(seeds, truncation=Truncation(threshold=threshold, mode="scaled_truncated"))
    with published.used_by(model.generator, threshold) as generator:
        return z, generator(z, np.asarray(labels, np.int32), training=False).numpy()


@pytest.mark.parametrize("threshold", [0.25, 0.4, 1.0])
def test_images_of_a_truncation_have_its_statistics_and_z(imported, threshold):
    run, published = imported
    model = TrainedModel(run)
    z, images = expected(model, published, threshold, [3, 4], [1, 2])
    assert np.abs(z).max() <= 2 * threshold
    assert_close(model.generate(z, [1, 2], truncation=threshold), images, relative=NETWORK)
    assert (
        model.statistics(model.as_truncation(threshold)) == "published" and model.truncation_mode == "scaled_truncated"
    )
    assert model.images([1, 2], seeds=[3, 4], truncation=threshold).shape == (2, 32, 32, 3)


def test_other_truncations_have_standing_statistics_unless_published_ones_are_asked_for(imported):
    run, _ = imported
    model = TrainedModel(run)
    assert model.statistics(Truncation(threshold=0.5)) == model.statistics(model.as_truncation(1.5)) == "standing"
    with pytest.raises(RunError, match="Leave --statistics out"):
        TrainedModel(run, statistics="published").sampler(Truncation(threshold=0.5))


def test_they_hold_for_the_weights_that_they_came_with_alone(imported, drawable_run):
    run, _ = imported
    assert published_statistics(run, 0) is not None and published_statistics(run, 7) is None
    with pytest.raises(RunError, match="has none for step 3"):
        TrainedModel(drawable_run, statistics="published")


def test_the_explorer_shows_the_same_images(imported):
    run, published = imported
    model = TrainedModel(run)
    before = {name: v.numpy() for name, v in named_variables(model.generator).items() if name in published.values}
    shown = ExplorerModel(model).samples(2, [5, 6], 0.25)
    _, images = expected(model, published, 0.25, [5, 6], [2, 2])
    np.testing.assert_allclose(shown, (images + 1) * 127.5, atol=0.51)
    for name, value in before.items():
        np.testing.assert_array_equal(named_variables(model.generator)[name].numpy(), value)


def test_an_export_carries_every_set(imported):
    run, published = imported
    flags = exporting_flags()
    served, protocol = exporting.prepare(run, flags)
    assert protocol["statistics"] == "published" and protocol["truncations"] == list(published.thresholds)
    assert served.mode == protocol["truncation_mode"] == "scaled_truncated"
    model = TrainedModel(run)
    for threshold in (0.4, 1.0):
        z, images = expected(model, published, threshold, [3], [1])
        found = served.generator(tf.constant(z), tf.constant([1]), tf.constant([threshold]))
        assert_close(found, images, relative=NETWORK)
    refused = served._limits("truncation", tf.constant([1.0]))
    assert refused is not None
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"truncation must be in \(0, 1\]"):
        served._limits("truncation", tf.constant([1.5]))


def exporting_flags(**changed):
    usual = {"step": None, "average": None, "statistics": None, "truncations": None, "truncation_mode": None}
    return argparse.Namespace(**{**usual, "standing_passes": 1, **changed})


def test_flags_that_do_not_go_with_them_are_refused(imported):
    run, _ = imported
    for changed, said in (
        ({"truncations": [0.5]}, "--truncations apply to standing statistics"),
        ({"statistics": "published", "truncation_mode": "resampled"}, "--truncation_mode=scaled_truncated"),
    ):
        with pytest.raises(exporting.ExportError, match=said):
            exporting.prepare(run, exporting_flags(**changed))


def test_a_damaged_file_is_told(imported, tmp_path):
    run, _ = imported
    shutil.copytree(run.path, tmp_path / "run")
    path = tmp_path / "run" / FILE
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match="Import the weights again"):
        TrainedModel(tmp_path / "run")
    write_npz(path, {"thresholds": np.array([0.0, 1.0]), "a": np.zeros([3, 2], np.float32)})
    with pytest.raises(RunError, match=r"received a damaged file .*as many as the sets"):
        TrainedModel(tmp_path / "run")
