"""Which settings keep variety within classes? Trains each arm, measures it, and appends one JSON line per finished arm.

    python benchmarks/variety_study.py --out=FOLDER --arms=rates-7-20,rates-2-8 [--steps=800] [--seeds=0]
    python benchmarks/variety_study.py --table=benchmarks/variety_study.jsonl [--arms=...] [--plot=PNG]

All arms train on the embedded data set at 32 px with the quickstart's file and the arm's bindings, several arms one
after the other. FOLDER/ARM-SEED is the arm's run: an interrupted command, repeated, goes on inside it, and a longer
--steps continues the run. FOLDER/results.jsonl has one line per arm, seed and number of steps; an arm that has its line
is not measured again. --list prints the arms.

Each line holds the variety of shape per class and its mean (1 minus the mean correlation of two gray images of a class,
generated over real), class accuracy, long-range agreement, FID, recall, the singular values of G's dense layer at every
look, and what the training cost. Means over 500 samples (variety) and 5,000 samples (the rest), averaged weights.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from arm_list import arm_list
from markdown_table import markdown_table
from mean_and_range import mean_and_range
from variety_arms import ARMS, BASE, BFLOAT16

from sagan_tf.foundation import jsonl


def command(verb: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"sagan_tf.{verb}", *flags]


def train(run: Path, bindings: list[str], steps: int, seed: int) -> float:
    """Trains up to `steps`; the processor time of this command in seconds."""
    settings = [*BASE, *bindings, f"train.total_steps={steps}", f"train.seed={seed}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(run.parent / f"{run.name}.log", "a", encoding="utf-8") as log:
        subprocess.run(
            command(
                "train",
                "--gin_file=gin/quickstart.gin",
                f"--run_dir={run}",
                *(f"--gin_bindings={binding}" for binding in settings),
            ),
            check=True,
            stdout=log,
            stderr=log,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def shape_variety(run: Path, step: int, *, per_class: int = 50) -> list[float]:
    """Of each class, generated over real."""
    from sagan_tf.data.procedural.procedural import render
    from sagan_tf.evaluation.spread import mean_squared_distances, shapes
    from sagan_tf.runs.trained import TrainedModel

    model = TrainedModel(run, step=step)
    n_classes = len(model.class_names)
    labels = np.arange(per_class * n_classes) % n_classes
    made = mean_squared_distances(shapes(model.images(labels, seed=1)), labels)
    indices = np.arange(100 * n_classes)
    real = shapes(render(indices, resolution=model.spec.resolution, seed=0))
    return (made / mean_squared_distances(real, indices % n_classes)).tolist()


def measure(run: Path) -> dict:
    """The measures of a run's newest checkpoint, and the variety of the ones before."""
    from sagan_tf.evaluation.options import EvaluationOptions
    from sagan_tf.monitoring.health_records import read_health_records
    from sagan_tf.runs.evaluation import evaluate_run
    from sagan_tf.runs.run_directory import RunDirectory

    directory = RunDirectory.open(run)
    steps = directory.checkpoints().steps()
    options = EvaluationOptions(
        extractor="dataset", n_samples=5000, metrics=("fid", "class_accuracy", "long_range_agreement", "pr")
    )
    metrics = evaluate_run(directory, options).metrics
    by_class = shape_variety(run, steps[-1])
    records = read_health_records(run)
    paces = [
        line["images_per_second"]
        for line in map(json.loads, (run / "train.jsonl").read_text(encoding="utf-8").splitlines())
        if line.get("images_per_second")
    ]
    earlier = {step: round(float(np.mean(shape_variety(run, step))), 3) for step in steps[:-1] if step % 200 == 0}
    return {
        "variety": round(float(np.mean(by_class)), 3),
        "variety_second_worst": round(sorted(by_class)[1], 3),
        "variety_by_class": [round(value, 3) for value in by_class],
        "variety_at": earlier,
        **{name: round(metrics[name], 4) for name in ("fid", "class_accuracy", "long_range_agreement", "recall")},
        "dense_sigmas": {r.step: [round(s, 2) for s in r.spectra["generator.dense"][:2]] for r in records},
        "images_per_second": round(float(np.median(paces)), 1) if paces else None,
    }


def measured(out: Path, run: Path) -> dict:
    """`measure` in a process of its own, so that this one stays without TensorFlow."""
    found = subprocess.run(
        [sys.executable, __file__, f"--measure={run}", f"--out={out}"], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(found.stdout.splitlines()[-1])


def is_measured(results: Path, arm: str, seed: int, steps: int) -> bool:
    return any((r["arm"], r["seed"], r["steps"]) == (arm, seed, steps) for r in jsonl.read(results))


def run_arm(out: Path, arm: str, seed: int, steps: int, shared: list[str]) -> None:
    """Trains and measures one arm unless its line is there; the measuring is a process of its own."""
    results, run = out / "results.jsonl", out / f"{arm}-{seed}"
    if is_measured(results, arm, seed, steps):
        return
    start = time.time()
    seconds = train(run, [*ARMS[arm], *shared], steps, seed)
    measures = measured(out, run)
    line = {"arm": arm, "seed": seed, "steps": steps, "bindings": [*ARMS[arm], *shared], **measures}
    line |= {"core_seconds": round(seconds), "wall_seconds": round(time.time() - start)}
    jsonl.append(results, line, durable=True)
    print(json.dumps({key: line[key] for key in ("arm", "seed", "steps", "variety", "fid", "recall")}), flush=True)


MEASURES = {
    "variety": "variety",
    "variety_second_worst": "second worst",
    "fid": "FID",
    "class_accuracy": "class accuracy",
    "long_range_agreement": "agreement",
    "recall": "recall",
}


def table(results: list[dict], arms: list[str]) -> str:
    """Means over the seeds as Markdown, and the ranges of several; the arms in their own order."""
    head = ("arm", "steps", "seeds", *MEASURES.values(), "sigma_0", "sigma_0 / sigma_1")
    rows = []
    for arm, steps in sorted({(r["arm"], r["steps"]) for r in results}, key=lambda key: (arms.index(key[0]), key[1])):
        seeds = [r for r in results if (r["arm"], r["steps"]) == (arm, steps)]
        sigmas = [list(r["dense_sigmas"].values())[-1] for r in seeds]
        columns = [[r[name] for r in seeds] for name in MEASURES]
        columns += [[first for first, _ in sigmas], [first / second for first, second in sigmas]]
        rows.append((arm, f"{steps:,}", str(len(seeds)), *(mean_and_range(values, ".3g") for values in columns)))
    return markdown_table(head, rows)


def plot(results: list[dict], arms: list[str], path: Path) -> None:
    """Variety, sigma_0 and sigma_0 / sigma_1 over the steps: a thin line per run and a thick one per arm."""
    from sagan_tf.figures import canvas

    figure, (panels,) = canvas.figure(1, 3, size=(11.5, 3.6), wspace=0.22)
    for color, arm in zip(canvas.COLORS, arms, strict=False):
        longest = [max((r for r in results if (r["arm"], r["seed"]) == (arm, seed)), key=lambda r: r["steps"])
                   for seed in sorted({r["seed"] for r in results if r["arm"] == arm})]  # fmt: skip
        curves = [
            [{int(s): v for s, v in r["variety_at"].items()} | {r["steps"]: r["variety"]} for r in longest],
            [{int(s): first for s, (first, _) in r["dense_sigmas"].items()} for r in longest],
            [{int(s): first / second for s, (first, second) in r["dense_sigmas"].items()} for r in longest],
        ]
        for axes, runs in zip(panels, curves, strict=True):
            for run in runs if len(runs) > 1 else ():
                axes.plot(list(run), list(run.values()), color=color, linewidth=0.7, alpha=0.5)
            steps = sorted(set.intersection(*map(set, runs)))
            means = [float(np.mean([run[step] for run in runs])) for step in steps]
            axes.plot(steps, means, color=color, linewidth=2, label=arm)
    titles = ("Variety of shape within classes (data: 1)", "sigma_0 of G's dense layer", "sigma_0 / sigma_1")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(title=title, xlabel="steps")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    panels[0].legend(frameon=False, fontsize=9)
    figure.subplots_adjust(left=0.04, right=0.99, top=0.9, bottom=0.15)
    canvas.save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("variety_study"), help="folder of the runs and results.jsonl")
    parser.add_argument("--arms", type=arm_list(ARMS), default=list(ARMS))
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0])
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--list", action="store_true", help="print the arms and end")
    parser.add_argument("--table", type=Path, help="print --arms of a results.jsonl and end")
    parser.add_argument("--plot", type=Path, help="draw --arms of --table into this file and end")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.list:
        print("\n".join(f"{arm}: {' '.join(bindings) or 'the quickstart as it is'}" for arm, bindings in ARMS.items()))
        return
    if flags.table:
        results = [r for r in jsonl.read(flags.table) if r["arm"] in flags.arms]
        if flags.plot:
            plot(results, flags.arms, flags.plot)
        else:
            print(table(results, flags.arms))
        return
    if flags.measure:
        print(json.dumps(measure(flags.measure)))
        return
    flags.out.mkdir(parents=True, exist_ok=True)
    for seed in flags.seeds:
        for arm in flags.arms:
            shared = BFLOAT16 if flags.precision == "bfloat16" else []
            run_arm(flags.out, arm, seed, flags.steps, shared)


if __name__ == "__main__":
    main()
