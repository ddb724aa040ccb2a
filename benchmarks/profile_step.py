"""Where a training step's or a sampling call's time goes: a TensorBoard trace, and its operations added up.

    python benchmarks/profile_step.py --gin_file=gin/sagan_128.gin --gin_bindings='train.batch_size=4' --out=TRACE

`tensorboard --logdir=TRACE` (with tensorboard-plugin-profile) shows the trace. The tables add up operations' times over
all threads, per call, by what they are for and by kind. Operations run concurrently and share the cores, so that the
sum is more than the call's wall time. Calls that wait for others (While, Process, Run) are left out.
"""

import argparse
import collections
import re
import time
from pathlib import Path

import tensorflow as tf
from step import sampling, training
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from sagan_tf import experiment
from sagan_tf.runs.flags import add_configuration

WAITING = ("Process", "Run", "While", "StatelessWhile", "If", "PartitionedCall", "StatefulPartitionedCall")


def operations(folder: str) -> list[tuple[str, str, float]]:
    """(kind, name, milliseconds) of every operation that TensorFlow's executor ran in the trace under `folder`."""
    space = xplane_pb2.XSpace()
    space.ParseFromString(max(Path(folder).rglob("*.xplane.pb")).read_bytes())
    found = []
    for plane in space.planes:
        if not plane.name.startswith("/host:CPU"):
            continue
        for line in plane.lines:
            for event in line.events:
                name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if name and kind.isidentifier() and "::" not in name and kind not in WAITING:
                    found.append((kind, name, event.duration_ps / 1e9))
    return found


def part(kind: str, name: str) -> str:
    """What an operation is for, by its kind and the layers in its name."""
    in_loop = re.search(r"body/_(?!1/)\d+/", name)  # a loop within the loop of the steps: attention's blocks
    if kind == "ResourceApplyAdam":
        return "optimizer, float32"
    if in_loop or ("self_attention" in name and "spectral_norm" not in name):
        return "attention, scores and sums in float32"
    unfolded = kind.endswith("MatMul") and re.search(r"(^|while/)MatMul(_\d+)?$", name)
    if "Conv2D" in kind or kind == "ExtractImagePatches" or unfolded:
        return "convolutions, in the run's precision"
    if "spectral_norm" in name:
        return "spectral norms and casts of kernels, float32"
    return "batch norms, moments in float32" if "batch_norm" in name else "the rest"


def table(found: list[tuple[str, str, float]], calls: int, wall: float, rows: int, title: str) -> str:
    sums, counts = collections.Counter(), collections.Counter()
    for kind, name, milliseconds in found:
        key = kind if title == "operation" else part(kind, name)
        sums[key] += milliseconds / calls
        counts[key] += 1
    total = sum(sums.values())
    lines = [f"| {title} | calls | ms | share |", "|---|---|---|---|"]
    for kind, milliseconds in sums.most_common(rows):
        lines.append(f"| {kind} | {counts[kind] // calls} | {milliseconds:.0f} | {milliseconds / total:.1%} |")
    busy = total / wall / 1e3
    lines.append(f"| all | {len(found) // calls} | {total:.0f} | wall {wall * 1e3:.0f} ms: {busy:.2f} at a time |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_configuration(parser)
    parser.add_argument("--phase", choices=["step", "sampling"], default="step")
    parser.add_argument("--calls", type=int, default=3)
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--out", required=True, metavar="FOLDER")
    flags = parser.parse_args()
    settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
    call, _ = training(settings) if flags.phase == "step" else sampling(settings, settings.batch_size)
    for _ in range(2):
        call()
    tf.profiler.experimental.start(flags.out)
    start = time.perf_counter()
    for _ in range(flags.calls):
        call()
    wall = (time.perf_counter() - start) / flags.calls
    tf.profiler.experimental.stop()
    found = operations(flags.out)
    for title in ("part", "operation"):
        print(table(found, flags.calls, wall, flags.rows, title), end="\n\n")


if __name__ == "__main__":
    main()
