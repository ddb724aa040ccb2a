"""gin/hardware: how a run is computed, never what it computes."""

import dataclasses

import pytest

from sagan_tf import experiment


@pytest.mark.parametrize("hardware", ["gpu.gin", "tpu.gin"])
def test_a_hardware_file_changes_precision_and_pace_alone(hardware):
    plain = experiment.load(["gin/sagan_128.gin"], []).value
    found = experiment.load(["gin/sagan_128.gin", f"gin/hardware/{hardware}"], []).value
    assert found.numerics.precision == "bfloat16" and found.steps_per_call > plain.steps_per_call
    same = {"numerics": plain.numerics, "steps_per_call": plain.steps_per_call}
    assert dataclasses.replace(found, **same) == plain
