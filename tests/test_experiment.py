"""What an experiment says of its own settings."""

import dataclasses
import inspect
import typing

import numpy as np
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


NUMPYS = {int: np.int64, float: np.float32}


def options_with_numbers():
    """Every configurable with its parameters that are numbers and have a default that is one."""
    for name, target in experiment.CONFIGURABLES.items():
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
        for parameter in inspect.signature(target).parameters.values():
            kinds = {hints[parameter.name], *typing.get_args(hints[parameter.name])} & set(NUMPYS)
            if type(parameter.default) in kinds:
                yield name, parameter.name, parameter.default


NEEDED = {
    "train": {"spec": experiment.families.sagan(32, attention=(16,)), "data": ProceduralSource()},
    "families.sagan": {"resolution": 32, "attention": (16,)},
    "families.sngan_projection": {"resolution": 32},
    "families.acgan": {"resolution": 32},
    "families.biggan": {"resolution": 32},
    "families.biggan_deep": {"resolution": 32},
    "SigmaControl": {"value": 1.0},
    "ImageFolder": {"path": "pictures"},
}


@pytest.mark.parametrize(("name", "parameter", "default"), [*options_with_numbers()])
def test_numpys_numbers_are_taken_as_pythons_everywhere(name, parameter, default):
    """They are stored as Python's, since config.gin, config.json and the protocols of results hold no others."""
    make, needed, number = experiment.CONFIGURABLES[name], NEEDED.get(name, {}), NUMPYS[type(default)](default)
    found = make(**needed | {parameter: number})
    assert found == make(**needed | {parameter: number.item()})
    numbers = [getattr(found, field.name) for field in dataclasses.fields(found)]
    assert not any(isinstance(number, np.generic) for number in numbers)


def test_an_experiment_of_numpys_numbers_is_recorded():
    numbers = {"batch_size": np.int64(8), "seed": np.uint8(3), "average": MovingAverage(decay=np.float64(0.5))}
    described = experiment.Experiment(**NEEDED["train"], **numbers, evaluation=EvaluationOptions(seed=np.int32(1)))
    text = experiment.in_code(described).text
    assert (
        "train.batch_size = 8" in text and "MovingAverage.decay = 0.5" in text and "EvaluationOptions.seed = 1" in text
    )
