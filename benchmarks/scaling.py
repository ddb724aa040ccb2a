"""How a step's operations, memory and communication are divided among replicas, according to the cost model.

    python benchmarks/scaling.py                                        # the papers' runs on 1, 8, 32 and 128 replicas
    python benchmarks/scaling.py --check --gin_file=gin/quickstart.gin  # 1 and 2 logical CPU devices, measured

Seconds are those of an assumed device that reaches --tflops and of an assumed network that carries --gigabytes a second
between neighbors, each all-reduce taking --microseconds more; they are not measured. Communication is not overlapped.
"""

import argparse
import statistics
import time

import numpy as np
import tensorflow as tf
from traffic import step_traffic

from sagan_tf import experiment
from sagan_tf.experiment import Experiment
from sagan_tf.models.cost import step_flops
from sagan_tf.models.spec import GANSpec
from sagan_tf.models.summary import algorithms_of
from sagan_tf.runs import build, description
from sagan_tf.runs.flags import add_configuration
from sagan_tf.training.strategy import create_strategy

PAPERS = ("gin/sagan_128.gin", "gin/biggan_128.gin", "gin/biggan_256.gin", "gin/biggan_512.gin")
REPLICAS = (1, 8, 32, 128)
REPLICAS_A_HOST = 8


def row(settings: Experiment, spec: GANSpec, replicas: int, flags: argparse.Namespace) -> str:
    n_d, batch = settings.discriminator_steps, settings.batch_size
    algorithms = algorithms_of(settings.numerics, spec.resolution)
    flops = step_flops(spec, algorithms, batch_size=batch, discriminator_steps=n_d) / replicas
    traffic = step_traffic(spec, discriminator_steps=n_d)
    sent = traffic.ring_bytes(replicas)
    compute = flops / (flags.tflops * 1e12)
    reductions = (traffic.updates + traffic.norm_reductions) * (replicas > 1)
    communication = sent / (flags.gigabytes * 1e9) + reductions * flags.microseconds * 1e-6
    host = n_d * batch * min(1, REPLICAS_A_HOST / replicas) * spec.resolution**2 * 3 * 4
    memory = description.step_memory(settings, spec, replicas).total
    return (
        f"| {replicas} | {batch // replicas} | {flops / 1e12:,.1f} | {memory / 1e9:,.1f} | {sent / 1e6:,.0f} "
        f"| {traffic.norm_reductions * (replicas > 1)} | {host / 1e6:,.0f} "
        f"| {compute:.3f} | {communication:.3f} | {100 * compute / (compute + communication):.0f}% |"
    )


def paper_table(file: str, flags: argparse.Namespace) -> str:
    settings = experiment.load([file], ["train.table_size=1000"]).value
    spec = settings.spec.with_classes(1000)
    traffic = step_traffic(spec, discriminator_steps=settings.discriminator_steps)
    lines = [
        f"### {file}: batch {settings.batch_size}, {settings.discriminator_steps} update(s) of D a step",
        "",
        f"Gradients {traffic.gradient_bytes / 1e6:,.0f} MB in {traffic.updates} all-reduces; batch statistics "
        f"{traffic.norm_bytes / 1e3:,.0f} KB in {traffic.norm_reductions}.",
        "",
        "| replicas | batch of one | TFLOP of one | GB of one | MB sent by one | norm all-reduces | input MB a host "
        "| compute s | communication s | efficiency |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(row(settings, spec, replicas, flags) for replicas in REPLICAS)])


def reductions(function) -> tuple[int, int]:
    """How many all-reduces a traced function holds for the first replica, and the float32 values in them."""
    graph = function.graph.as_graph_def(add_shapes=True)
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    found = [n for n in nodes if n.op.startswith("CollectiveReduce") and n.device.endswith("CPU:0")]
    shapes = [[d.size for d in n.attr["_output_shapes"].list.shape[0].dim] for n in found]
    return len(found), sum(int(np.prod(shape)) for shape in shapes)


def check(settings: Experiment) -> None:
    """One and two replicas with the same batch on logical devices of this machine's CPU."""
    devices = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
    examples = settings.data.open(settings.spec.resolution)
    n_classes = len(examples.class_names)
    traffic = step_traffic(settings.sized(n_classes), discriminator_steps=settings.discriminator_steps)
    counted = traffic.updates + traffic.norm_reductions
    print(f"model: {counted} all-reduces, {traffic.gradient_bytes + traffic.norm_bytes:,} bytes")
    for name in ("cpu", "mirrored"):
        strategy = create_strategy(name)
        gan = build.build_state(settings, n_classes, strategy)
        steps = build.build_steps(settings, gan, n_classes, strategy)
        batches = iter(build.distributed_batches(settings, examples, 0, strategy))
        number, values = reductions(steps.get_concrete_function(batches, tf.constant(1)))
        seconds = []
        for _ in range(12):
            start = time.perf_counter()
            steps(batches, tf.constant(1))
            seconds.append(time.perf_counter() - start)
        seconds = seconds[2:]
        print(f"{strategy.num_replicas_in_sync} replica(s): {number} all-reduces, {4 * values:,} bytes in the graph; "
              f"step {min(seconds):.3f} s min, {statistics.median(seconds):.3f} s median")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--check", action="store_true", help="measure this configuration on 1 and 2 replicas")
    parser.add_argument("--tflops", type=float, default=50, help="assumed of a device")
    parser.add_argument("--gigabytes", type=float, default=50, help="assumed of the network, a second")
    parser.add_argument("--microseconds", type=float, default=30, help="assumed of an all-reduce beside its bytes")
    flags = parser.parse_args()
    if flags.check:
        check(experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value)
    else:
        print("\n\n".join(paper_table(file, flags) for file in flags.gin_file or PAPERS))


if __name__ == "__main__":
    main()
