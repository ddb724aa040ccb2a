"""A call of several steps compiles into one XLA program without host operations, and gives the same numbers."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.sigma_control import SigmaControl
from sagan_tf.training.compiled import check_xla, compilation, compilation_note
from sagan_tf.training.step import StepOptions

CALLS = 3
# XLA's own algorithms, which every backend expands; they don't call the host.
EXPANDED = {"Qr", "ProductOfElementaryHouseholderReflectors"}
# Together they cover both conditionings, all heads, attention, both resampling forms, every penalty and precision.
NETWORKS = {
    "sagan": (
        {"attention_g": (8,), "attention_d": (4,)},
        Objective(r1=1.0, dropout=0.3),
        {"precision": "bfloat16"},
    ),
    "biggan": (
        {"conditioning": "shared", "hierarchical": True, "z_dim": 6},
        Objective(orthogonal=1e-3, sigma=SigmaControl(value=0.5)),
        {"resampling": "fused"},
    ),
    "acgan": (
        {"head": "auxiliary", "spectral_norm_g": False},
        Objective(loss="non_saturating"),
        {
            "precision": "float16",
            "microbatches": 2,
            "step_options": StepOptions(generator_first=True, store_u_in_generator_step=True),
        },
    ),
}


class Fed:
    """An iterator over batches that are already on the device."""

    def __init__(self, gan, x, y):
        self.gan, self.x, self.y = gan, x, y

    def get_next(self):
        at = self.gan.step.read_value()
        return tf.gather(self.x, at), tf.gather(self.y, at)


def program(tiny, spec, objective, *, precision="float32", resampling="plain", **options):
    """A call of several steps, including its loop, as XLA's HLO."""
    gan = tiny.make(spec=spec, precision=precision, resampling=resampling)
    steps = tiny.compiled(gan, objective, xla=False, **options)
    x, y = (tf.constant(a[:CALLS]) for a in tiny.images())

    @tf.function(autograph=False, jit_compile=True)
    def call(x, y):
        return steps.python_function(Fed(gan, x, y), tf.constant(CALLS))

    return call.experimental_get_compiler_ir(x, y)(stage="hlo")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_call_of_several_steps_is_one_program_without_host_ops_or_dynamic_shapes(network, tiny):
    change, objective, options = NETWORKS[network]
    hlo = program(tiny, dataclasses.replace(tiny.spec, **change), objective, **options)
    assert set(re.findall(r'custom_call_target="([^"]*)"', hlo)) <= EXPANDED
    for word in ("infeed", "outfeed", "send", "recv", "send-done", "recv-done"):
        assert not re.search(rf"\s{word}\(", hlo), word
    assert not re.search(r"\[[^\]\s]*(<=|\?)", hlo)  # a bounded or unknown dimension
    assert re.search(r"\swhile\(", hlo) and re.search(r"\sconvolution\(", hlo)
    bits = {"bfloat16": "bf16", "float16": "f16"}.get(options.get("precision"))
    assert bits is None or re.search(rf"= {bits}\[[^\n]*convolution\(", hlo)


def test_xla_gives_the_numbers_of_single_operations_and_one_compilation_serves_all_lengths(tiny, smooth):
    plain, compiled = tiny.make(), tiny.make()
    expected = [tiny.step(plain, number=number) for number in range(3)]
    steps, iterator = tiny.compiled(compiled, xla=True), tiny.batches()
    tiny.call(steps, iterator, 1)
    of_both = {name: np.mean([logs[name] for logs in expected[1:]]) for name in expected[0]}
    tiny.assert_logs_equal(tiny.call(steps, iterator, 2), of_both)
    assert steps.experimental_get_tracing_count() == 1
    plain.step.assign(3)
    tiny.assert_equal(plain, compiled)


def test_what_xla_compiles(mirrored):
    gpu = bool(tf.config.list_physical_devices("GPU"))
    for strategy, compiled in ((tf.distribute.get_strategy(), "step"), (mirrored, "parts")):
        found = [compilation(xla, strategy) for xla in (True, False, "auto")]
        assert found == [compiled, "none", compiled if gpu else "none"]
    with pytest.raises(ValueError, match=r"train\.xla must be True, False or 'auto'; received train\.xla='yes'"):
        check_xla("yes")


def test_the_note_on_what_xla_compiles_of_several_replicas(mirrored, tiny):
    own = dataclasses.replace(tiny.spec, cross_replica_norm=False)
    assert compilation_note(True, tf.distribute.get_strategy(), own) == compilation_note(False, mirrored, own) == ""
    assert "gradients and updates of each of the 2 replicas" in compilation_note(True, mirrored, own)
    assert "the generator stay uncompiled: its batch norm sums" in compilation_note(True, mirrored, tiny.spec)
