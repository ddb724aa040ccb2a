"""The all-reduces that are predicted from a description are those of the traced step on two replicas."""

import argparse
import dataclasses
import importlib
from pathlib import Path

import pytest
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.models import families
from sagan_tf.models.parameters import discriminator_parameters
from sagan_tf.runs import build

TINY = ["families.biggan.width=8", "train.batch_size=4", "train.discriminator_steps=1"]


@pytest.fixture(scope="module")
def scaling():
    """benchmarks/scaling.py with what it imports from its folder, as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("scaling")


def test_by_hand(scaling):
    step_traffic = scaling.step_traffic
    spec = families.sagan(32, width=8, attention=()).with_classes(10)
    one, two = step_traffic(spec), step_traffic(spec, discriminator_steps=2)
    # seven norms of 32 channels, a mean and a mean square each, in the two passes of a step
    assert (one.updates, one.norm_reductions, one.norm_bytes) == (2, 14, 14 * 2 * 32 * 4)
    assert two.gradient_bytes - one.gradient_bytes == 4 * discriminator_parameters(spec)
    assert two.norm_reductions == 21
    deep = step_traffic(families.biggan_deep(32, width=8).with_classes(10))
    # six blocks with a norm of 32 channels and three of 8 each, the last norm of 32; in three passes
    assert (deep.norm_reductions, deep.norm_bytes) == (3 * 25, 3 * 2 * 4 * (6 * (32 + 3 * 8) + 32))
    assert one.ring_bytes(1) == 0
    assert one.ring_bytes(4) == 1.5 * (one.gradient_bytes + one.norm_bytes)


@pytest.mark.parametrize("model", ["sagan_128", "biggan_128", "biggan_256", "biggan_512"])
def test_the_page_has_the_tables_of_the_cost_model(scaling, model):
    assumed = argparse.Namespace(tflops=50, gigabytes=50, microseconds=30)
    page = (Path(scaling.__file__).parent / "scaling.md").read_text(encoding="utf-8")
    assert scaling.paper_table(f"gin/{model}.gin", assumed) in page


def test_the_traced_step(mirrored, scaling):
    settings = experiment.load(["gin/biggan_cifar10.gin", "gin/data/procedural.gin"], TINY).value
    settings = dataclasses.replace(settings, spec=dataclasses.replace(settings.spec, cross_replica_norm=True))
    examples = settings.data.open(32)
    gan = build.build_state(settings, 10, mirrored)
    steps = build.build_steps(settings, gan, 10, mirrored)
    batches = iter(build.distributed_batches(settings, examples, 0, mirrored))
    number, values = scaling.reductions(steps.get_concrete_function(batches, tf.constant(1)))
    traffic = scaling.step_traffic(gan.spec)
    assert traffic.norm_reductions == 3 * 7
    assert number == traffic.updates + traffic.norm_reductions
    # beside the gradients and the statistics each update sums its loss
    assert 4 * (values - traffic.updates) == traffic.gradient_bytes + traffic.norm_bytes
