"""The table of metrics: every row gives the numbers that it names, and ranks checkpoints by some of them."""

import dataclasses

import numpy as np
import pytest

from sagan_tf.evaluation.activations import ActivationCollector
from sagan_tf.evaluation.metrics import DEFAULTS, METRICS, check_best_by, is_better, is_measured

RNG = np.random.default_rng(0)


def activations(shift):
    """All parts of 40 images of 2 classes, with 3 features and 2 logits."""
    labels = np.arange(40, dtype=np.int32) % 2
    collector = ActivationCollector(
        frozenset({"moments", "halves", "spread", "features", "logits", "labels", "agreement"})
    )
    collector.add(
        {
            "features": RNG.normal(shift, size=(40, 3)),
            "logits": RNG.normal(size=(40, 2)),
            "labels": labels,
            "agreement": RNG.uniform(size=40),
            "images": RNG.uniform(-1, 1, (40, 8, 8, 3)),
        }
    )
    return collector.result()


GENERATED, REAL = activations(0.5), activations(0.0)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_gives_the_numbers_that_it_names(name):
    values = METRICS[name].measure(GENERATED, REAL)
    assert tuple(values) == METRICS[name].numbers
    assert all(isinstance(value, float | list) for value in values.values())
    assert is_measured(name, values)
    assert not any(is_measured(other, values) for other in METRICS if other != name)
    assert set(METRICS[name].higher_is_better) <= set(values)


def test_the_generated_side_is_the_first():
    """It shows one of two modes, and in each class a single image: precise, without recall, and without variety."""
    one, two = activations(0.0), activations(0.0)
    features = np.where(np.arange(40)[:, None] < 20, two.features, two.features + 100)
    real = dataclasses.replace(two, features=features)
    found = METRICS["pr"].measure(one, real)
    assert found["precision"] > 0.7 and found["recall"] <= 0.5 and found["coverage"] <= 0.5
    alike = ActivationCollector(frozenset({"spread"}))
    images = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 3))
    alike.add({"features": np.ones((40, 3)), "labels": np.arange(40) % 2, "images": images[np.arange(40) % 2]})
    assert METRICS["variety"].measure(alike.result(), real)["shape_variety"] == pytest.approx(0, abs=1e-6)
    agreement = METRICS["long_range_agreement"].measure(one, real)["long_range_agreement"]
    assert agreement == pytest.approx(one.agreement.mean()) != pytest.approx(real.agreement.mean())


def test_what_is_measured_only_on_request():
    assert set(METRICS) - set(DEFAULTS) == {"intra_fid", "tfgan_is", "tfgan_fid"}


def test_lower_is_better_for_distances_alone():
    lower = {number for metric in METRICS.values() for number, higher in metric.higher_is_better.items() if not higher}
    assert lower == {"fid", "kid", "intra_fid"}
    assert is_better(1.0, 2.0, "fid")
    assert not is_better(1.0, 2.0, "is")
    assert is_better(0.5, None, "recall")
    assert not is_better(float("nan"), None, "fid")


def test_checkpoints_are_ranked_only_by_what_is_measured():
    check_best_by("precision", ("pr",))
    for number, measured in (("precision", ("fid",)), ("shape_variety", ("variety", "fid")), ("pr", ("pr",))):
        with pytest.raises(ValueError, match=f"train.best_by must be one of .* received train.best_by='{number}'"):
            check_best_by(number, measured)
