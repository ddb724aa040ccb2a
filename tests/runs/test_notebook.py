"""docs/notebooks.md runs as it stands; experiments that are described in Python are recorded as gin text."""

import re
from pathlib import Path

import pytest

import sagan_tf
from sagan_tf import experiment
from sagan_tf.configuration.gin_config import ConfigError
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.experiment import Experiment
from sagan_tf.models import families
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.sigma_control import SigmaControl
from sagan_tf.runs.run_directory import RunDirectory, RunError

GUIDE = (Path(__file__).parents[2] / "docs" / "notebooks.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("cache", "short_classifier", "run_eagerly")
def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train, sample, evaluate, load = re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S)
    exec(compile(train, "train", "exec"), {})
    assert "<TrainedModel of RUN: 32x32 pixels, 10 classes (stripes, checks" in capsys.readouterr().out
    exec(compile(sample, "sample", "exec"), {})
    with pytest.raises(RunError, match="another configuration"):
        sagan_tf.fit(described(batch_size=2), "RUN", steps=1)
    exec(compile(evaluate, "evaluate", "exec"), {})
    assert (tmp_path / "RUN" / "metrics.jsonl").exists()
    exec(compile(load, "load", "exec"), {})
    assert "sagan_tf.pytest" not in (commands := [c["command"] for c in RunDirectory("RUN").facts()["commands"]])[0]
    assert commands[0].startswith("python ") and len(commands) == 2


def described(**options):
    return Experiment(spec=families.sagan(32, attention=(16,)), data=ProceduralSource(n_examples=40), **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"objective": Objective(r1=0.5, sigma=SigmaControl(mode="clamped", ratio=1.0)), "seed": 3},
        {"evaluation": EvaluationOptions(n_samples=7), "average": None, "xla": False},
    ],
)
def test_an_experiment_in_code_is_recorded_as_gin_and_read_again(options, tmp_path):
    from sagan_tf.configuration import gin_config

    loaded = experiment.in_code(described(**options))
    gin_config.save(tmp_path, loaded)
    assert experiment.load_saved(tmp_path).value == loaded.value == described(**options)


def test_a_part_that_gin_does_not_know_is_refused():
    class Mine(ProceduralSource):
        pass

    with pytest.raises(ConfigError, match="data must be of a class that gin can configure"):
        experiment.in_code(Experiment(spec=families.sagan(32, attention=(16,)), data=Mine()))
    with pytest.raises(ValueError, match="steps must be at least 1; received steps=0"):
        sagan_tf.fit(described(), "nowhere", steps=0)
    for steps in (1.5, True, "2"):
        with pytest.raises(ValueError, match="steps must be an integer of at least 1"):
            sagan_tf.fit(described(), "nowhere", steps=steps)
    for callbacks in (print, [print, None]):
        with pytest.raises(ValueError, match="callbacks must be a list of functions"):
            sagan_tf.fit(described(), "nowhere", callbacks=callbacks)
    with pytest.raises(ValueError, match="accumulation"):
        sagan_tf.fit(described(batch_size=4, accumulation=3), "nowhere")
    assert not RunDirectory("nowhere").exists
