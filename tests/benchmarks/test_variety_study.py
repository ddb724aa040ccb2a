"""The study's arms are configurations that load, each with what its name says; a measured arm is not run again."""

import json

import pytest
import variety_study

from sagan_tf import experiment


@pytest.mark.parametrize("arm", variety_study.ARMS)
def test_an_arm_loads_whatever_the_quickstarts_file_says(arm):
    settings = experiment.load(["gin/quickstart.gin"], [*variety_study.BASE, *variety_study.ARMS[arm]]).value
    assert settings.evaluation is None
    assert (settings.optimizer.decay_from is None) == (arm != "front-decay")
    assert settings.spec.width == (16 if arm == "full-width" else 8)
    assert bool(settings.objective.likeness) == ("likeness" in arm or arm.startswith(("claim", "figure3", "front")))
    assert (settings.objective.sigma is None) == ("clamp" not in arm and arm != "sigma-penalty")
    words = arm.split("-")
    if words[0] in ("rates", "biggan") or words[:2] == ["front", "rates"]:
        rates = (settings.optimizer.g_learning_rate, settings.optimizer.d_learning_rate)
        assert rates == pytest.approx((int(words[-2]) * 1e-4, int(words[-1]) * 1e-4))
    if words[0] == "r1":
        assert settings.objective.r1 == float(words[1])
    if words[-2:-1] == ["batch"]:
        assert settings.batch_size == int(words[-1])
    if words[-3:-1] == ["d", "steps"]:
        assert settings.discriminator_steps == int(words[-1])


def test_no_two_arms_of_one_purpose_are_the_same():
    purposes = ("claim", "figure3", "front")
    for purpose in (*purposes, ""):
        arms = [
            tuple(bindings)
            for arm, bindings in variety_study.ARMS.items()
            if (arm.startswith(purpose) if purpose else not arm.startswith(purposes))
        ]
        assert len(set(arms)) == len(arms)


def test_an_arm_that_has_its_line_is_not_run_again(tmp_path, monkeypatch):
    (tmp_path / "results.jsonl").write_text(json.dumps({"arm": "rates-7-20", "seed": 0, "steps": 800}) + "\n")
    trained = []
    monkeypatch.setattr(variety_study, "train", lambda run, *rest: trained.append(run.name) or 1.0)
    monkeypatch.setattr(variety_study, "measured", lambda out, run: {"variety": 1.0, "fid": 2.0, "recall": 0.5})
    for steps in (800, 1600):
        variety_study.run_arm(tmp_path, "rates-7-20", 0, steps, [])
    assert trained == ["rates-7-20-0"]
    last = json.loads((tmp_path / "results.jsonl").read_text().splitlines()[-1])
    assert (last["steps"], last["variety"], last["core_seconds"]) == (1600, 1.0, 1)


def test_the_table_has_means_and_ranges_over_the_seeds_in_the_arms_order():
    def line(arm, seed, variety, fid):
        others = dict.fromkeys(("variety_second_worst", "class_accuracy", "long_range_agreement", "recall"), 0.5)
        sigmas = {"100": [9.0, 1.0], "200": [4.0, 2.0]}
        return {"arm": arm, "seed": seed, "steps": 200, "variety": variety, "fid": fid, "dense_sigmas": sigmas} | others

    results = [line("b", 0, 1.0, 7.0), line("a", 0, 0.25, 30.0), line("a", 1, 0.75, 10.0)]
    first, second = variety_study.table(results, ["a", "b"]).splitlines()[2:]
    assert first == (
        "| a | 200 | 2 | 0.5 (0.25 to 0.75) | 0.5 (0.5 to 0.5) | 20 (10 to 30) | 0.5 (0.5 to 0.5) | 0.5 (0.5 to 0.5) "
        "| 0.5 (0.5 to 0.5) | 4 (4 to 4) | 2 (2 to 2) |"
    )
    assert second == "| b | 200 | 1 | 1 | 0.5 | 7 | 0.5 | 0.5 | 0.5 | 4 | 2 |"
