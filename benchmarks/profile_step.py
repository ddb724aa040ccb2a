"""Where a training step's or a sampling call's time goes: a TensorBoard trace, and its operations added up by kind.

    python benchmarks/profile_step.py --gin_file=gin/sagan_128.gin --gin_bindings='train.batch_size=4' --out=TRACE

`tensorboard --logdir=TRACE` (with tensorboard-plugin-profile) shows the trace. The table adds up each kind of
operation's time over all threads, per call. Operations run beside each other and share the cores, so that the sum is
more than the call's wall time. Calls that wait for others (While, Process, Run) are left out.
"""

import argparse
import collections
import time
from pathlib import Path

import tensorflow as tf
from step import sampling, training
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from sagan_tf import experiment

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


def table(found: list[tuple[str, str, float]], calls: int, wall: float, rows: int) -> str:
    sums, counts = collections.Counter(), collections.Counter()
    for kind, _, milliseconds in found:
        sums[kind] += milliseconds / calls
        counts[kind] += 1
    total = sum(sums.values())
    lines = ["| operation | calls | ms | share |", "|---|---|---|---|"]
    for kind, milliseconds in sums.most_common(rows):
        lines.append(f"| {kind} | {counts[kind] // calls} | {milliseconds:.0f} | {milliseconds / total:.1%} |")
    busy = total / wall / 1e3
    lines.append(f"| all | {len(found) // calls} | {total:.0f} | wall {wall * 1e3:.0f} ms: {busy:.2f} at a time |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    experiment.add_flags(parser)
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
    print(table(operations(flags.out), flags.calls, wall, flags.rows))


if __name__ == "__main__":
    main()
