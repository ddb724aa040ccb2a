"""Attention, no block, or a residual block in its place: trained equally at 32x32 with several seeds, in one table.

    python benchmarks/ablation_32px.py --out=FOLDER [--steps=1000] [--seeds=0,1,2] [--jobs=2]

The quickstart's settings on the embedded data set, whose shapes measure the agreement of distant parts; a small version
of the rows of Zhang et al. 2019, Table 1. Repeating an interrupted command resumes it; with more --steps, it continues
from there.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

VARIANTS = {
    "attention": [],
    "none": ["families.sagan.attention=()"],
    "residual": ["families.sagan.long_range='residual'"],
}
METRICS = "fid,long_range_agreement,class_accuracy"


def command(verb: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"sagan_tf.{verb}", *flags]


def training(run: Path, variant: str, seed: int, steps: int) -> list[str]:
    bindings = [
        *VARIANTS[variant],
        f"train.seed={seed}",
        f"train.total_steps={steps}",
        "train.evaluation=None",
        "train.sample_every=0",
        "train.keep_checkpoints=100",
    ]
    return command(
        "train",
        "--gin_file=gin/quickstart.gin",
        f"--run_dir={run}",
        *(f"--gin_bindings={binding}" for binding in bindings),
    )


def evaluation(run: Path) -> list[str]:
    return command("evaluate", f"--run_dir={run}", "--extractor=dataset", f"--metrics={METRICS}", "--num=5000")


def is_evaluated(run: Path, steps: int) -> bool:
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return any(json.loads(line)["protocol"]["step"] == steps for line in lines)


def train_and_evaluate(run: Path, variant: str, seed: int, steps: int) -> None:
    """One run on one thread, so that as many run beside each other as there are cores."""
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    commands = [training(run, variant, seed, steps)]
    commands += [] if is_evaluated(run, steps) else [evaluation(run)]
    with open(run.parent / f"{run.name}.log", "a", encoding="utf-8") as log:
        for each in commands:
            subprocess.run(each, check=True, env=environment, stdout=log, stderr=log)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of runs at the same time")
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    runs = [(flags.out / f"{variant}-{seed}", variant, seed) for seed in flags.seeds for variant in VARIANTS]
    with concurrent.futures.ThreadPoolExecutor(flags.jobs) as pool:
        list(pool.map(lambda run: train_and_evaluate(*run, flags.steps), runs))
    rows = ",".join(f"{variant}={run}" for run, variant, _ in runs)
    subprocess.run(
        command("evaluate", "--table=runs", f"--step={flags.steps}", f"--metrics={METRICS}", f"--run_dirs={rows}"),
        check=True,
    )


if __name__ == "__main__":
    main()
