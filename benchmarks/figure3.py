"""Do spectral normalization in G and a higher rate for D steady training (Zhang et al. 2019, Figure 3)?

    python benchmarks/variety_study.py --out=FOLDER --arms=figure3-sn-d,figure3-sn-g-d,claim-attention \\
        --seeds=0,1 --steps=2500
    python benchmarks/figure3.py --runs=FOLDER          # measures the checkpoints of what has been trained
    python benchmarks/figure3.py                        # the table, from benchmarks/figure3.jsonl
    python benchmarks/figure3.py --plot=benchmarks/figure3.png
    python benchmarks/figure3.py --page=docs/attention.md

The arms are those of the paper's figure: spectral normalization in D, in both networks, and in both with a higher rate
for D (TTUR, two-timescale update rule). One JSON line per arm, seed and checkpoint, with the measures of averaged
weights by the data set's classifier, 5,000 samples. A checkpoint that has its line is not measured again.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from markdown_table import markdown_table
from study_command import run_study

from sagan_tf.foundation import jsonl

STORED = Path(__file__).with_suffix(".jsonl")
ARMS = {
    "figure3-sn-d": "SN on D, rates 7e-4 and 7e-4",
    "figure3-sn-g-d": "SN on G and D, rates 7e-4 and 7e-4",
    "claim-attention": "SN on G and D, TTUR: 7e-4 and 2e-3",
}
MEASURES = {
    "fid": ("FID", ".0f"),
    "class_accuracy": ("class accuracy", ".3f"),
    "long_range_agreement": ("long-range agreement", ".3f"),
    "recall": ("recall", ".3f"),
    "shape_variety": ("variety of shape", ".2f"),
}
SEEDS = (0, 1)
EVERY = 400  # steps between two measured checkpoints


def measure(run: Path, stored: Path) -> None:
    """Prints a JSON line per checkpoint at a multiple of EVERY, and for the last one, unless it is stored already."""
    from sagan_tf.evaluation.options import EvaluationOptions
    from sagan_tf.runs.evaluation import evaluate_run
    from sagan_tf.runs.run_directory import RunDirectory

    metrics = ("fid", "class_accuracy", "long_range_agreement", "pr", "variety")
    options = EvaluationOptions(extractor="dataset", n_samples=5000, metrics=metrics)
    directory = RunDirectory.open(run)
    steps = directory.checkpoints().steps()
    measured = {r["step"] for r in jsonl.read(stored) if f"{r['arm']}-{r['seed']}" == run.name}
    for step in steps:
        if (step % EVERY == 0 or step == steps[-1]) and step not in measured:
            found = evaluate_run(directory, options, step=step).metrics
            print(json.dumps({"step": step, **{name: round(found[name], 4) for name in MEASURES}}), flush=True)


def measure_all(folder: Path, stored: Path) -> None:
    """Measures each run of the arms in a process of its own, and stores each line as it comes."""
    for arm in ARMS:
        for seed in SEEDS:
            command = [sys.executable, __file__, f"--measure={folder / f'{arm}-{seed}'}", f"--stored={stored}"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
                for line in worker.stdout:
                    if line.startswith("{"):
                        jsonl.append(stored, {"arm": arm, "seed": seed, **json.loads(line)})
            if worker.returncode:
                raise SystemExit(f"measuring {folder / f'{arm}-{seed}'} failed with exit status {worker.returncode}.")


def curves(records: list[dict], arm: str, name: str) -> list[dict[int, float]]:
    """A measure by step, one curve per seed."""
    of = [r for r in records if r["arm"] == arm]
    return [
        {r["step"]: r[name] for r in sorted(of, key=lambda r: r["step"]) if r["seed"] == seed}
        for seed in sorted({r["seed"] for r in of})
    ]


def table(records: list[dict]) -> str:
    """The last checkpoint of each run, and FID on the way, as Markdown."""
    rows = []
    for arm, label in ARMS.items():
        for seed in sorted({r["seed"] for r in records if r["arm"] == arm}):
            run = sorted((r for r in records if (r["arm"], r["seed"]) == (arm, seed)), key=lambda r: r["step"])
            on_the_way = ", ".join(f"{r['fid']:,.0f}" for r in run if r["step"] in (800, 1600))
            last = [f"{run[-1][name]:{form}}" for name, (_, form) in MEASURES.items()]
            rows.append([label, str(seed), *last, on_the_way])
    return markdown_table(
        ["arm of Figure 3", "seed", *(label for label, _ in MEASURES.values()), "FID at 800, 1,600"], rows
    )


def plot(records: list[dict], path: Path) -> None:
    """FID, class accuracy and agreement over the steps: a thin line per run and a thick one per arm."""
    from sagan_tf.figures import canvas

    names = ("fid", "class_accuracy", "long_range_agreement")
    figure, (panels,) = canvas.figure(1, 3, size=(11.5, 3.4), wspace=0.25)
    for axes, name in zip(panels, names, strict=True):
        for color, (arm, label) in zip(canvas.COLORS, ARMS.items(), strict=False):
            runs = curves(records, arm, name)
            for run in runs:
                axes.plot(list(run), list(run.values()), color=color, linewidth=0.7, alpha=0.5)
            steps = sorted(set.intersection(*map(set, runs))) if runs else []
            means = [statistics.mean(run[step] for run in runs) for step in steps]
            axes.plot(steps, means, color=color, linewidth=2, label=label)
        axes.set(title=MEASURES[name][0][0].upper() + MEASURES[name][0][1:], xlabel="steps")
        axes.xaxis.set_major_formatter("{x:,.0f}")
    panels[0].set_ylim(0, 1.35 * panels[0].get_ylim()[1])  # room for the legend
    panels[0].legend(frameon=False, fontsize=9, loc="upper right")
    figure.subplots_adjust(left=0.06, right=0.99, top=0.9, bottom=0.16)
    canvas.save(figure, path)


if __name__ == "__main__":
    run_study(
        __doc__, stored=STORED, measure=measure, measure_all=measure_all, table=table, plot=plot, head="arm of Figure 3"
    )
