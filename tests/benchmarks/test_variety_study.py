"""The study's arms are configurations that load, each with what its name says; a measured arm is not run again."""

import importlib.util
import json
from pathlib import Path

import pytest

from sagan_tf import experiment

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "variety_study.py"


def load():
    spec = importlib.util.spec_from_file_location("variety_study", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUDY = load()


@pytest.mark.parametrize("arm", STUDY.ARMS)
def test_an_arm_loads_whatever_the_quickstarts_file_says(arm):
    settings = experiment.load(["gin/quickstart.gin"], [*STUDY.BASE, *STUDY.ARMS[arm]]).value
    assert settings.evaluation is None and settings.optimizer.decay_from is None
    assert settings.spec.width == (16 if arm == "full-width" else 8)
    rates = (settings.optimizer.g_learning_rate, settings.optimizer.d_learning_rate)
    if arm.startswith(("rates-", "biggan-")):
        g, d = arm.split("-")[1:]
        assert rates == pytest.approx((int(g) * 1e-4, int(d) * 1e-4))
    assert bool(settings.objective.likeness) == arm.startswith(("likeness", "claim", "figure3"))


def test_an_arm_that_has_its_line_is_not_run_again(tmp_path, monkeypatch):
    (tmp_path / "results.jsonl").write_text(json.dumps({"arm": "rates-7-20", "seed": 0, "steps": 800}) + "\n")
    trained = []
    monkeypatch.setattr(STUDY, "train", lambda run, *rest: trained.append(run.name) or 1.0)
    monkeypatch.setattr(STUDY, "measured", lambda out, run: {"variety": 1.0, "fid": 2.0, "recall": 0.5})
    for steps in (800, 1600):
        STUDY.run_arm(tmp_path, "rates-7-20", 0, steps, [])
    assert trained == ["rates-7-20-0"]
    last = json.loads((tmp_path / "results.jsonl").read_text().splitlines()[-1])
    assert (last["steps"], last["variety"], last["core_seconds"]) == (1600, 1.0, 1)
