"""Does a lower precision train like float32? The same run in each, from the same initial weights: compares losses and
FID.

    python benchmarks/stability.py --out=benchmarks/stability.png

The quickstart's 32 px networks and the embedded data set, a few hundred steps, one run after the other. The weights,
latents and batches are the same bits in all runs; what differs is the arithmetic. FID is by the data set's classifier,
of few samples: it serves only to compare these runs with each other. Writes the picture, and the curves next to it as
JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
COLORS = {"float32": "#0072B2", "bfloat16": "#D55E00", "float16": "#009E73"}


def train(precision: str, steps: int, evaluations: int, folder: Path) -> dict:
    """One run's curves: step and value of both losses, and of FID."""
    every = steps // evaluations
    bindings = (
        f"Numerics.precision={precision!r}", f"train.total_steps={steps}", f"train.evaluate_every={every}",
        f"train.checkpoint_every={every}", "train.log_every=5", "train.sample_every=0",
        "EvaluationOptions.extractor='dataset'", "EvaluationOptions.metrics=('fid',)",
        "EvaluationOptions.n_samples=1000", "EvaluationOptions.allow_few_samples=True",
    )  # fmt: skip
    command = [sys.executable, "-m", "sagan_tf.train", f"--gin_file={HERE.parent / 'gin' / 'quickstart.gin'}"]
    subprocess.run([*command, *(f"--gin_bindings={b}" for b in bindings), f"--run_dir={folder}"], check=True)
    logs = [json.loads(line) for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    measured = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    curves = {name: [(line["step"], line[name]) for line in logs if name in line] for name in ("d_loss", "g_loss")}
    return {**curves, "fid": [(line["protocol"]["step"], line["fid"]) for line in measured]}


def plot(runs: dict[str, dict], path: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    titles = {"d_loss": "loss of D", "g_loss": "loss of G", "fid": "FID by the data set's classifier"}
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        for precision, curves in runs.items():
            steps, values = np.array(curves[name]).T
            axis.plot(steps, values, color=COLORS[precision], label=precision, marker="o" if name == "fid" else None)
        axis.set(title=title, xlabel="step")
        axis.grid(alpha=0.3)
    axes[-1].set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precisions", default="float32,bfloat16", help="separated by commas")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--evaluations", type=int, default=6)
    parser.add_argument("--runs", type=Path, help="where the runs are kept, so that the command repeated goes on")
    parser.add_argument("--out", type=Path, default=HERE / "stability.png")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = flags.runs or Path(temporary)
        runs = {p: train(p, flags.steps, flags.evaluations, folder / p) for p in flags.precisions.split(",")}
    flags.out.with_suffix(".json").write_text(json.dumps(runs) + "\n", encoding="utf-8")
    plot(runs, flags.out)
    print(flags.out)


if __name__ == "__main__":
    main()
