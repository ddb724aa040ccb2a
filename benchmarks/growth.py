"""How the training step's time grows with batch, width and resolution, compared with its operations.

    python benchmarks/growth.py --json=growth.json --plot=growth.png

SAGAN with attention on the half-size map, on random images, float32. All programs take turns (rounds.py). The
operations are those of the plain network (sagan_tf/models/cost.py); a straight line through the origin would mean that
time is proportional to them.
"""

import argparse
import json
import sys
from pathlib import Path

import matplotlib
from rounds import Program, interleave

from sagan_tf.models.cost import PLAIN, step_flops
from sagan_tf.models.families import sagan

HERE = Path(__file__).parent
# name: resolution, width, batch size
SWEEPS = {
    "batch": [(128, 16, batch) for batch in (2, 4, 8, 16)],
    "width": [(128, width, 2) for width in (16, 32, 64)],
    "resolution": [(side, 32, 4) for side in (32, 64, 128)],
}
PLACE = {"resolution": 0, "width": 1, "batch": 2}  # of what varies in a program's name


def program(resolution: int, width: int, batch: int) -> Program:
    bindings = [
        f"families.sagan.resolution={resolution}", f"families.sagan.attention=({resolution // 2},)",
        f"families.sagan.width={width}", f"train.batch_size={batch}",
    ]  # fmt: skip
    gin = [f"--gin_file={HERE.parent / 'gin' / 'sagan_128.gin'}", *(f"--gin_bindings={b}" for b in bindings)]
    command = [sys.executable, str(HERE / "worker_sagan_tf.py"), "--phase=step", *gin]
    return Program(f"{resolution} px, width {width}, batch {batch}", command)


def gflop(resolution: int, width: int, batch: int) -> float:
    spec = sagan(resolution, width=width, attention=(resolution // 2,)).with_classes(1000)
    return step_flops(spec, PLAIN, batch_size=batch) / 1e9


def plot(points: list[dict], path: Path) -> None:
    """Seconds over operations, a panel a sweep, with the line from the origin through the largest."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(SWEEPS), figsize=(4.2 * len(SWEEPS), 3.6))
    for panel, sweep in zip(panels, SWEEPS, strict=True):
        chosen = [p for p in points if p["sweep"] == sweep and p["seconds_min"]]
        work, seconds = [p["gflop"] for p in chosen], [p["seconds_min"] for p in chosen]
        panel.plot([0, work[-1]], [0, seconds[-1]], color="#bbbbbb", zorder=1, label="proportional to the operations")
        panel.scatter(work, seconds, color="#0072B2", zorder=2, label="measured, minimum")
        for point, x, y in zip(chosen, work, seconds, strict=True):
            label = point["name"].split(", ")[PLACE[sweep]]
            panel.annotate(label, (x, y), (7, -9), textcoords="offset points", fontsize=8)
        panel.set(title=f"by {sweep}", xlabel="GFLOP a step", xlim=(0, work[-1] * 1.25), ylim=(0, seconds[-1] * 1.15))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds a step")
    panels[0].legend(fontsize=7, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quiet", type=float, default=0.1, help="the largest share of the machine for others, 0 to 1")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE.png")
    flags = parser.parse_args()
    cases = [(sweep, case) for sweep, cases in SWEEPS.items() for case in cases]
    programs = [program(*case) for _, case in cases]
    results = interleave(programs, rounds=flags.rounds, quiet=flags.quiet, say=lambda s: print(s, file=sys.stderr))
    points = [
        {"sweep": sweep, "gflop": gflop(*case), **result} for (sweep, case), result in zip(cases, results, strict=True)
    ]
    print("| grows by | | GFLOP | s min | s median | GFLOP/s |\n| --- | --- | --- | --- | --- | --- |")
    for p in points:
        if p["seconds_min"]:
            rate = p["gflop"] / p["seconds_min"]
            print(f"| {p['sweep']} | {p['name']} | {p['gflop']:.1f} | {p['seconds_min']:.3f} | "
                  f"{p['seconds_median']:.3f} | {rate:.0f} |")  # fmt: skip
    if flags.json:
        Path(flags.json).write_text(json.dumps(points, indent=1))
    if flags.plot:
        plot(points, Path(flags.plot))


if __name__ == "__main__":
    main()
