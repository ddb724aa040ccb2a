"""How much does a trained run help a new one? One half of Fashion-MNIST first, then the other from it or from scratch.

    python benchmarks/transfer_study.py --out=FOLDER [--arms=nothing,transfer] [--steps=600] [--seeds=0,1]
    python benchmarks/transfer_study.py --table=benchmarks/transfer_study.jsonl
    python benchmarks/transfer_study.py --plot=benchmarks/transfer_study.jsonl --picture=benchmarks/transfer_curves.png
    python benchmarks/transfer_study.py --sheets=FOLDER --step=100 --picture=benchmarks/transfer_sheets.png

The images are Debian's package dataset-fashion-mnist (apt-get install dataset-fashion-mnist). One run learns the first
five classes for 1,500 steps; each arm then learns the last five for `--steps` steps, at 32 px by the quickstart's file
with constant rates. FOLDER/ARM-SEED is an arm's run: repeating an interrupted command resumes it. One JSON line
per finished run goes to FOLDER/results.jsonl: FID (2,000 averaged samples, the data set's own classifier) and class
accuracy at several steps, and what the training cost.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from arm_list import arm_list
from markdown_table import markdown_table

from sagan_tf.foundation import jsonl

ROOT = Path(__file__).parents[1]
PACKAGE = Path("/usr/share/datasets/fashion-mnist")
FIRST = ("T-shirt", "trouser", "pullover", "dress", "coat")
LAST = ("sandal", "shirt", "sneaker", "bag", "ankle boot")
SOURCE_STEPS = 1500
LOOKS = (100, 200, 400, 600)
SETTINGS = [
    "TwoTimescaleAdam.d_learning_rate=2e-3",
    "TwoTimescaleAdam.decay_from=None",
    "TwoTimescaleAdam.decay_to=None",
    "train.evaluation=None",
    "train.checkpoint_every=100",
    "train.keep_checkpoints=100",
    "MonitorOptions.every=0",
]
ARMS = {"nothing": [], "transfer": ["--init_from={source}"],
        "freeze-2": ["--init_from={source}", "--freeze_discriminator=2"]}  # fmt: skip

LABELS = {
    "nothing": "from nothing",
    "transfer": "from the other half",
    "freeze-2": "the same, D's first 2 blocks frozen",
}


def halves(out: Path) -> tuple[Path, Path]:
    """Folders of the first and the last five classes, made once."""
    folders = out / "first", out / "last"
    if not (out / "all.done").exists():
        sys.path.insert(0, str(ROOT / "tests" / "data"))
        from fashion_mnist_folder import write_folder

        write_folder(PACKAGE, out / "all")
        for folder, names in zip(folders, (FIRST, LAST), strict=True):
            folder.mkdir(exist_ok=True)
            for name in names:
                shutil.rmtree(folder / name, ignore_errors=True)  # of a command that was interrupted here
                (out / "all" / name).rename(folder / name)
        (out / "all.done").touch()
    return folders


def train(run: Path, data: Path, steps: int, seed: int, flags: list[str]) -> float:
    """Trains up to `steps`; the processor time of this command in seconds."""
    settings = [*SETTINGS, f"train.total_steps={steps}", f"train.seed={seed}"]
    command = [sys.executable, "-m", "sagan_tf.train", "--gin_file=gin/quickstart.gin", f"--data={data}"]
    command += [f"--run_dir={run}", *flags, *(f"--gin_bindings={binding}" for binding in settings)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(run.parent / f"{run.name}.log", "a", encoding="utf-8") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(run: Path, steps: int) -> dict:
    """FID and class accuracy of the run at each look."""
    from sagan_tf.evaluation.options import EvaluationOptions
    from sagan_tf.runs.evaluation import evaluate_run
    from sagan_tf.runs.run_directory import RunDirectory

    options = EvaluationOptions(extractor="dataset", n_samples=2000, metrics=("fid", "class_accuracy"))
    looks = [step for step in LOOKS if step <= steps]
    results = {step: evaluate_run(RunDirectory.open(run), options, step=step).metrics for step in looks}
    return {name: {step: round(m[name], 4) for step, m in results.items()} for name in ("fid", "class_accuracy")}


def run_arm(out: Path, arm: str, seed: int, steps: int, source: Path, data: Path) -> None:
    """Trains and measures one arm unless its line is there; the measuring is a process of its own."""
    results, run = out / "results.jsonl", out / f"{arm}-{seed}"
    if any((r["arm"], r["seed"], r["steps"]) == (arm, seed, steps) for r in jsonl.read(results)):
        return
    seconds = train(run, data, steps, seed, [flag.format(source=source) for flag in ARMS[arm]])
    measuring = [sys.executable, __file__, f"--measure={run}", f"--steps={steps}"]
    found = subprocess.run(measuring, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    line = {"arm": arm, "seed": seed, "steps": steps, **json.loads(found.stdout.splitlines()[-1])}
    line["core_seconds"] = round(seconds)
    jsonl.append(results, line, durable=True)
    print(json.dumps(line), flush=True)


def by_arm(results: list[dict], name: str) -> dict[str, dict[int, list[float]]]:
    """The values of all seeds by arm and step."""
    found: dict[str, dict[int, list[float]]] = {}
    for line in results:
        for step, value in line[name].items():
            found.setdefault(line["arm"], {}).setdefault(int(step), []).append(value)
    return found


def table(results: list[dict]) -> str:
    """Means over seeds with their range, FID and class accuracy by step, as a Markdown table."""
    fid, accuracy = by_arm(results, "fid"), by_arm(results, "class_accuracy")
    steps = sorted({step for arm in fid.values() for step in arm})
    head = ["arm", "seeds", *(f"FID at {s}" for s in steps), *(f"accuracy at {s}" for s in (steps[0], steps[-1]))]
    rows = []
    for arm, values in fid.items():
        cells = [arm, str(len(values[steps[-1]]))]
        cells += [f"{statistics.mean(v):.1f} ({min(v):.1f}-{max(v):.1f})" for v in (values[s] for s in steps)]
        cells += [f"{100 * statistics.mean(accuracy[arm][s]):.0f}%" for s in (steps[0], steps[-1])]
        rows.append(cells)
    return markdown_table(head, rows)


def plot(results: list[dict], path: Path) -> None:
    """FID over steps: a line per arm through the seeds' means, a dot per seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(6.4, 3.8))
    for (arm, values), color in zip(by_arm(results, "fid").items(), ("#777777", "#0072B2", "#D55E00"), strict=False):
        panel.plot(list(values), [statistics.mean(v) for v in values.values()], color=color, label=LABELS[arm])
        for step, points in values.items():
            panel.scatter([step] * len(points), points, color=color, s=14)
    panel.set(xlabel="steps", ylabel="FID (the data set's classifier)", yscale="log")
    panel.set_yticks(ticks := (20, 30, 50, 100, 150), [str(tick) for tick in ticks])
    panel.minorticks_off()
    panel.set_title("Fashion-MNIST: five new classes", fontsize=11)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def sheets(out: Path, step: int, path: Path) -> None:
    """The arms' samples of seed 0 at one step, side by side, a row per class."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot
    from PIL import Image

    from sagan_tf.runs.trained import TrainedModel

    arms = [arm for arm in ARMS if (out / f"{arm}-0").exists()]
    figure, panels = pyplot.subplots(1, len(arms), figsize=(3.4 * len(arms), 2.6))
    for panel, arm in zip(panels, arms, strict=True):
        model = TrainedModel(out / f"{arm}-0", step=step)
        images = model.images(np.repeat(np.arange(5), 7), seed=0)
        panel.imshow(images.reshape(5, 7, 32, 32, 3).swapaxes(1, 2).reshape(160, 224, 3))
        panel.set_title(LABELS[arm], fontsize=9)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    panels[0].set_yticks(16 + 32 * np.arange(5), model.class_names, fontsize=8)
    panels[0].tick_params(length=0)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("transfer_study"), help="folder of the runs and results.jsonl")
    parser.add_argument("--arms", type=arm_list(ARMS), default=list(ARMS))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1])
    parser.add_argument("--table", type=Path, help="print the table of a results.jsonl and end")
    parser.add_argument("--plot", type=Path, help="draw the curves of a results.jsonl into --picture and end")
    parser.add_argument("--sheets", type=Path, help="draw samples of this --out at --step into --picture and end")
    parser.add_argument("--step", type=int, default=100)
    parser.add_argument("--picture", type=Path, default=Path("transfer_study.png"))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    read = flags.table or flags.plot
    if read:
        results = [json.loads(line) for line in read.read_text(encoding="utf-8").splitlines()]
        print(table(results)) if flags.table else plot(results, flags.picture)
        return
    if flags.sheets:
        return sheets(flags.sheets, flags.step, flags.picture)
    if flags.measure:
        return print(json.dumps(measure(flags.measure, flags.steps)))
    out = flags.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    first, last = halves(out)
    source = out / "source"
    train(source, first, SOURCE_STEPS, 0, [])
    for seed in flags.seeds:
        for arm in flags.arms:
            run_arm(out, arm, seed, flags.steps, source, last)


if __name__ == "__main__":
    main()
