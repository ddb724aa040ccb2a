"""Training steps compiled for TPUs by their own compiler, in its own environment (benchmarks/compile_for.py)."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from sagan_tf import experiment

FOLDER = Path(__file__).parents[2] / "benchmarks"
SLOW = "compiles four programs with libtpu: about 3 minutes of a core"
# gin files, bindings, and a bound on the gigabytes of one replica with 8 images.
STEPS = {
    "quickstart": (["gin/quickstart.gin"], [], 0.3),
    "narrow SAGAN-128": (["gin/sagan_128.gin"], ["families.sagan.width=16"], 0.8),
}


@pytest.fixture(scope="module")
def scripts():
    """The script's modules by name, where its environment is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        names = ("compilations", "environment", "step_program", "targets")
        modules = SimpleNamespace(**{name: importlib.import_module(f"compilation.{name}") for name in names})
        folder = modules.environment.default_folder("tpu")
        if not modules.environment.is_ready(folder, "tpu"):
            pytest.skip(f"no compiler for TPUs in {folder}; benchmarks/compile_for.py sets it up")
        yield modules


@pytest.fixture(scope="module", params=STEPS)
def step(request, scripts):
    """A configuration's step in bfloat16, and a bound on its memory."""
    files, bindings, gigabytes = STEPS[request.param]
    settings = experiment.load([*files, "gin/hardware/tpu.gin"], bindings).value
    return settings, scripts.step_program.StepProgram(settings, "tpu"), gigabytes


@pytest.mark.slow(reason=SLOW)
@pytest.mark.parametrize("replicas", [1, 8])
def test_the_step_is_one_program_that_fits_and_leaves_the_chip_alone(step, replicas, scripts):
    settings, program, gigabytes = step
    environment = scripts.environment
    folder = environment.default_folder("tpu")
    target = scripts.targets.parse("v5e", replicas)
    with environment.alone(folder, print):
        python = environment.prepare(folder, "tpu", print)
        found = scripts.compilations.compile_hlo(python, program.hlo(8, replicas), target, fast=True)
    assert found["fits"], found["refusal"]
    facts = found["program"]
    assert facts["host_operations"] == 0 and facts["dynamic_dimensions"] == 0
    assert facts["aliased"] == program.state_variables
    convolutions = {dtype: n for dtype, n in facts["products"].items() if dtype.startswith("convolution")}
    assert set(convolutions) == {"convolution bf16"}
    assert found["memory"]["total"] < gigabytes * 1e9
    # Each update sums its gradients once; the statistics of norms are summed in the same operation.
    assert facts["all_reduces"] == (settings.discriminator_steps + 1 if replicas > 1 else 0)
