"""What images are measured against: files of images, of moments, and of both."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.evaluator import compare
from sagan_tf.evaluation.features import SavedModelExtractor
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.runs.reference import file_images, file_reference, run_reference
from sagan_tf.runs.run_directory import RunDirectory

pytestmark = pytest.mark.usefixtures("cache")

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def test_one_file_may_hold_moments_and_images(tmp_path, save_stand_in):
    save_stand_in(tmp_path / "net")
    extractor = SavedModelExtractor(str(tmp_path / "net"))
    mean = np.full(extractor.n_features, 5.0)
    np.savez(tmp_path / "both.npz", IMAGES, mu=mean, sigma=np.eye(extractor.n_features))
    np.savez(tmp_path / "moments.npz", mu=mean, sigma=np.eye(extractor.n_features))
    np.savez(tmp_path / "images.npz", IMAGES)

    def measured(reference, *metrics):
        chosen = EvaluationOptions(extractor=str(tmp_path / "net"), metrics=metrics, allow_few_samples=True)
        real = file_reference(str(tmp_path / reference), chosen, resolution=8).real
        images = file_images(str(tmp_path / "images.npz"), chosen)
        return compare(images, real, extractor=extractor, options=chosen, progress=False)

    both = measured("both.npz", "fid", "pr")
    assert both.metrics["fid"] == measured("moments.npz", "fid").metrics["fid"] > 1
    assert both.metrics["precision"] == measured("images.npz", "pr").metrics["precision"] == 1
    assert "mu and sigma for FID, its 6 images for the rest" in both.protocol["reference"]
    assert measured("images.npz", "fid").metrics["fid"] == pytest.approx(0, abs=1e-9)


def test_files_are_resampled_as_the_runs_own_images(drawable_run, tmp_path, save_stand_in):
    save_stand_in(tmp_path / "net")
    run = RunDirectory.open(drawable_run)
    settings = run.experiment()
    images = np.random.default_rng(0).integers(0, 256, (6, 40, 48, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images)
    chosen = EvaluationOptions(extractor=str(tmp_path / "net"))
    transform = Transform(method="sagan", dequantize=True)
    run.experiment = lambda: dataclasses.replace(settings, transform=transform)
    real = run_reference(run, chosen, reference=str(tmp_path / "images.npz")).real
    ((found, _),) = real.batches(0)
    expected = transform.scaled(transform.resized(tf.constant(images[2]), 32))
    np.testing.assert_array_equal(found[2], expected)
