"""What an experiment says of its own settings."""

import dataclasses

import pytest

from sagan_tf import experiment
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.training.ema import MovingAverage


def notes(*bindings):
    return experiment.load(["gin/quickstart.gin"], list(bindings)).value.notes()


def test_a_run_longer_than_its_learning_rates_is_told():
    decay = ("TwoTimescaleAdam.decay_from=2500", "TwoTimescaleAdam.decay_to=4000")
    (note,) = notes("train.total_steps=9000", *decay)
    assert "zero from step 4,000 on" in note and "TwoTimescaleAdam.decay_to=9000" in note
    assert notes("train.total_steps=4000", *decay) == []
    assert notes("train.total_steps=9000", *decay, "TwoTimescaleAdam.decay_to=9000") == []
    assert notes("train.total_steps=9000") == [], "constant rates"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"average": MovingAverage}, "train.average must be MovingAverage or None; received train.average=<class"),
        ({"evaluation": EvaluationOptions}, "train.evaluation must be EvaluationOptions or None"),
        ({"optimizer": {}}, "train.optimizer must be TwoTimescaleAdam; received train.optimizer={}"),
        ({"safeguards": None}, "train.safeguards must be Safeguards"),
        ({"data": ProceduralSource}, "train.data must be a Source; received train.data=<class"),
    ],
)
def test_a_part_of_another_class_is_refused_in_python_too(changes, message):
    settings = experiment.load(["gin/quickstart.gin"], []).value
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(settings, **changes)
