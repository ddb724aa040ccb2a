"""The study's arms load and differ in augmentation alone; a measured run is not run again; the table has every arm."""

import importlib.util
import json
from pathlib import Path

import pytest

from sagan_tf import experiment
from sagan_tf.objectives.augmentation import AdaptiveAugmentation, DiffAugment

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "augmentation_study.py"


def load():
    spec = importlib.util.spec_from_file_location("augmentation_study", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUDY = load()


@pytest.mark.parametrize(
    ("arm", "kind"), [("none", type(None)), ("diffaugment", DiffAugment), ("adaptive", AdaptiveAugmentation)]
)
def test_an_arm_is_what_its_name_says(arm, kind):
    settings = experiment.load(["gin/quickstart.gin"], STUDY.bindings(arm, 800, 3)).value
    assert type(settings.augmentation) is kind and settings.seed == 3
    assert (settings.optimizer.decay_from, settings.optimizer.decay_to, settings.total_steps) == (500, 800, 800)
    assert set(STUDY.ARMS) == {"none", "diffaugment", "adaptive"}


def test_a_run_that_has_its_line_is_not_run_again_and_the_table_takes_means_over_seeds(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(STUDY, "train", lambda out, run, settings: trained.append(run.name) or 2.0)
    found = {"fid": 20.0, "class_accuracy": 0.5, "called_real_at": {"800": [0.9, 0.5]}, "p": None, "r_t": None}

    def measured(*_, **__):
        found["fid"] += 1.0
        return type("Done", (), {"stdout": json.dumps(found)})

    monkeypatch.setattr(STUDY.subprocess, "run", measured)
    for seed in (0, 1, 1):
        STUDY.run_arm(tmp_path, "none", 100, seed, 800)
    assert trained == ["none-0", "none-1"]
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(line["seed"], line["fid"], line["core_seconds"]) for line in lines] == [(0, 21.0, 2), (1, 22.0, 2)]
    row = STUDY.table(lines).splitlines()[-1]
    assert row.startswith("| 1,000 | none | 2 | 21.50 (21.00 to 22.00) | 50.0%") and "| 40.0 (40.0 to 40.0) |" in row
