"""One replica's step as HLO: all state aliased, sums by all-reduce, the algorithms of the platform that is named."""

import collections
import dataclasses
import re

import pytest
import tensorflow as tf
from tensorflow.compiler.xla.service.hlo_pb2 import HloModuleProto

from sagan_tf.layers.platform_algorithms import ALGORITHMS
from sagan_tf.layers.target_platform import target_platform, targeting
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.compiled import replica_step
from sagan_tf.training.lowering import ReplicaOfMany, lower


def parsed(hlo):
    """The module, and how many instructions of each opcode it has."""
    module = HloModuleProto.FromString(hlo)
    return module, collections.Counter(i.opcode for c in module.computations for i in c.instructions)


def test_a_replicas_step_sums_over_all_of_them_and_aliases_its_state(tiny):
    with targeting("tpu"):
        gan = tiny.make(precision="bfloat16")
    step = replica_step(gan, Objective(), tiny.draw())
    size = {"batch_size": tiny.batch // 2, "resolution": 8, "discriminator_steps": 1}
    module, opcodes = parsed(lower(step, platform="tpu", replicas=2, **size))
    assert opcodes["all-reduce"] > 0 and opcodes["replica-id"] > 0 and opcodes["convolution"] > 0
    entry = module.host_program_shape
    assert [list(p.dimensions) for p in entry.parameters[:3]] == [[], [tiny.batch // 2, 8, 8, 3], [tiny.batch // 2]]
    state = len(gan.variables()) - 1  # the step's number is an argument
    assert len(module.input_output_alias.entries) == len(entry.parameters) - 3 == state


def test_accelerators_algorithms_train_as_the_cpus(tiny, smooth, monkeypatch):
    """Two steps with R1, whose second derivatives go through all of them: groups of images in attention included."""
    monkeypatch.setitem(ALGORITHMS, "tpu", dataclasses.replace(ALGORITHMS["tpu"], block_scores=2 * 16 * 4))
    spec = dataclasses.replace(tiny.spec, attention_g=(8,), attention_d=(4,))
    gans, logs = [], []
    for platform in ("cpu", "tpu"):
        with targeting(platform):
            gans.append(tiny.make(spec=spec))
            logs += [tiny.step(gans[-1], Objective(r1=1.0), number=number) for number in range(2)]
    tiny.assert_equal(*reversed(gans))
    tiny.assert_logs_equal(logs[3], logs[1])


def test_a_single_replica_has_nothing_to_sum_and_the_platform_is_named_while_tracing():
    seen = []

    def step(batches, number):
        seen.append(target_platform())
        total = tf.distribute.get_replica_context().all_reduce("SUM", batches[1][0])
        return tf.reduce_sum(total) + tf.cast(number, tf.float32)

    _, opcodes = parsed(lower(step, platform="gpu", batch_size=2, resolution=4, discriminator_steps=2))
    assert seen == ["gpu"] and not {"all-reduce", "replica-id"} & set(opcodes)


@pytest.mark.parametrize("operation", ["SUM", tf.distribute.ReduceOp.MEAN])
def test_gradients_flow_through_the_sum_to_every_replica(operation):
    @tf.function(autograph=False, jit_compile=True)
    def slope(x):
        with ReplicaOfMany(4), tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.distribute.get_replica_context().all_reduce(operation, x)
        return tape.gradient(value, x)

    hlo = slope.experimental_get_compiler_ir(tf.constant(1.0))(stage="hlo")
    assert re.search(r"all-reduce\(.*replica_groups=\{\{0,1,2,3\}\}", hlo)
    assert ("divide(" in hlo) == (operation != "SUM")
