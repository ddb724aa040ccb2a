"""The effect of augmentation on a small data set: trains and measures each arm, with one JSON line per finished run.

    apt-get install dataset-fashion-mnist
    python benchmarks/augmentation_study.py --out=FOLDER [--arms=none,diffaugment] [--seeds=0,1,2] [--per_class=10]
    python benchmarks/augmentation_study.py --table=benchmarks/augmentation_study.jsonl
    python benchmarks/augmentation_study.py --out=FOLDER --sheet=sheet.png

The data are 1,000 images of Fashion-MNIST, the first 100 of each class, at 32 px, or as many as --per_class says (in a
separate FOLDER). The first 100 of each class of its test images, which are never used for training, are held out. The
networks are the quickstart's, with learning rates that go to zero in the last three eighths of the steps.
FOLDER/ARM-SEED is a run: repeating an interrupted command resumes it, and a run that has its line in
FOLDER/results.jsonl is not measured again.

Each line holds FID and class accuracy of 5,000 averaged samples against all 60,000 training images, by a classifier
trained on these (so that FID sees what the small set lacks); the shares of the training and of the held-out images that
D classifies as real, at every checkpoint; and the strength p and r_t at the end.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from arm_list import arm_list
from markdown_table import markdown_table
from mean_and_range import mean_and_range

from sagan_tf.foundation import jsonl

PER_CLASS, HELD_OUT = 100, 100
BASE = [
    "TwoTimescaleAdam.d_learning_rate=2e-3",
    "train.sample_every=400",
    "train.keep_checkpoints=100",
    "train.evaluation=None",
]
# The paper's speed, 500,000 images from p = 0 to 1, is for runs of millions of images; these see 25,600.
RAMP = "AdaptiveAugmentation.ramp_images=10000"
ARMS: dict[str, list[str]] = {
    "none": [],
    "diffaugment": ["train.augmentation=@DiffAugment()"],
    "adaptive": ["train.augmentation=@AdaptiveAugmentation()", RAMP],
}


def prepare(out: Path, per_class: int) -> None:
    """Writes out/whole (60,000 images), and out/small with its splits `train` and `val`, unless they are there."""
    folder_of = Path(__file__).parents[1] / "tests" / "data" / "fashion_mnist_folder.py"
    for prefix, target in (("train", out / "whole"), ("t10k", out / "test")):
        if not (out / f"{prefix}.done").exists():
            subprocess.run([sys.executable, folder_of, target, f"--prefix={prefix}"], check=True)
            (out / f"{prefix}.done").touch()
    for source, split, count in ((out / "whole", "train", per_class), (out / "test", "val", HELD_OUT)):
        for of_class in sorted(path for path in source.iterdir() if path.is_dir()):
            target = out / "small" / split / of_class.name
            target.mkdir(parents=True, exist_ok=True)
            for image in sorted(of_class.iterdir())[:count]:
                if not (target / image.name).exists():
                    os.link(image, target / image.name)


def bindings(arm: str, steps: int, seed: int) -> list[str]:
    length = [f"train.total_steps={steps}", f"TwoTimescaleAdam.decay_to={steps}"]
    length += [f"TwoTimescaleAdam.decay_from={steps * 5 // 8}", f"train.checkpoint_every={max(1, steps // 4)}"]
    return [*BASE, *length, f"train.seed={seed}", *ARMS[arm]]


def train(out: Path, run: Path, settings: list[str]) -> float:
    """Trains to the end; the processor time of this command in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(run.parent / f"{run.name}.log", "a", encoding="utf-8") as log:
        subprocess.run(
            [sys.executable, "-m", "sagan_tf.train", "--gin_file=gin/quickstart.gin", f"--data={out / 'small'}",
             f"--run_dir={run}", *(f"--gin_bindings={binding}" for binding in settings)],
            check=True, stdout=log, stderr=log,
        )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(out: Path, run: Path) -> dict:
    """The measures of a run's checkpoints."""
    from sagan_tf.evaluation.options import EvaluationOptions
    from sagan_tf.foundation import jsonl
    from sagan_tf.runs.evaluation import CheckpointChoice, measure_generator, measure_memorization
    from sagan_tf.runs.reference import file_reference
    from sagan_tf.runs.run_directory import RunDirectory

    directory = RunDirectory.open(run)
    options = EvaluationOptions(extractor="dataset", n_samples=5000, metrics=("fid", "class_accuracy"))
    reference = file_reference(str(out / "whole"), options, resolution=32)
    steps = directory.checkpoints().steps()
    metrics = measure_generator(directory, options, reference, CheckpointChoice(step=steps[-1]), reuse=True).metrics
    called = {step: measure_memorization(directory, options, step=step).metrics for step in steps}
    last = jsonl.read(run / "train.jsonl")[-1]
    return {
        "fid": round(metrics["fid"], 3),
        "class_accuracy": round(metrics["class_accuracy"], 4),
        "called_real_at": {
            step: [round(shares[f"{split}_called_real"], 4) for split in ("train", "validation")]
            for step, shares in called.items()
        },
        "p": last.get("augmentation_strength"),
        "r_t": last.get("augmentation_real_signs"),
    }


def run_arm(out: Path, arm: str, per_class: int, seed: int, steps: int) -> None:
    """Trains and measures one run unless its line is there; the measuring is a process of its own."""
    results, run = out / "results.jsonl", out / f"{arm}-{seed}"
    if any((r["arm"], r["seed"], r["steps"]) == (arm, seed, steps) for r in jsonl.read(results)):
        return
    start = time.time()
    seconds = train(out, run, bindings(arm, steps, seed))
    found = subprocess.run(
        [sys.executable, __file__, f"--measure={run}", f"--out={out}"], check=True, stdout=subprocess.PIPE, text=True
    )
    line = {
        "arm": arm,
        "per_class": per_class,
        "seed": seed,
        "steps": steps,
        "bindings": ARMS[arm],
        **json.loads(found.stdout.splitlines()[-1]),
    }
    line |= {"core_seconds": round(seconds), "wall_seconds": round(time.time() - start)}
    jsonl.append(results, line, durable=True)
    print(json.dumps({key: line[key] for key in ("arm", "seed", "steps", "fid", "class_accuracy")}), flush=True)


def table(results: list[dict]) -> str:
    """The arms as a Markdown table: means over seeds, with the lowest and the highest in brackets."""
    head = ("images", "arm", "seeds", "FID", "class accuracy", "D: training real", "D: held-out real", "gap", "p")
    rows = []
    for per_class, arm in dict.fromkeys((r["per_class"], r["arm"]) for r in results):
        runs = [r for r in results if (r["per_class"], r["arm"]) == (per_class, arm)]
        last = [list(r["called_real_at"].values())[-1] for r in runs]
        rows.append(
            (
                f"{10 * per_class:,}",
                arm,
                str(len(runs)),
                mean_and_range([r["fid"] for r in runs], ".2f"),
                mean_and_range([r["class_accuracy"] for r in runs], ".1%"),
                mean_and_range([train for train, _ in last], ".1%"),
                mean_and_range([held_out for _, held_out in last], ".1%"),
                mean_and_range([100 * (train - held_out) for train, held_out in last], ".1f"),
                mean_and_range([r["p"] for r in runs], ".2f") if runs[0]["p"] is not None else "",
            )
        )
    return markdown_table(head, rows)


def draw_sheet(out: Path, path: Path, arms: list[str], seed: int, columns: int = 4) -> None:
    """Images of the small set, and each arm's samples of the same latents, side by side, one row per class."""
    import numpy as np
    from PIL import Image, ImageDraw

    from sagan_tf.figures import sheets
    from sagan_tf.foundation.fonts import Lettering
    from sagan_tf.runs.trained import TrainedModel

    models = {arm: TrainedModel(out / f"{arm}-{seed}") for arm in arms}
    names = next(iter(models.values())).class_names
    labels = np.repeat(np.arange(len(names)), columns)
    files = [sorted((out / "small" / "train" / name).iterdir())[:columns] for name in names]
    real = [Image.open(file).convert("RGB").resize((32, 32)) for row in files for file in row]
    panels = {"training images": np.stack([np.asarray(image) for image in real])}
    panels |= {arm: model.images(labels, seed=1) for arm, model in models.items()}
    drawn = [
        sheets.sheet(np.asarray(images), names if number == 0 else [""] * len(names), scale=1)
        for number, images in enumerate(panels.values())
    ]
    head, gap = 24, 12
    canvas = Image.new("RGB", (sum(d.width + gap for d in drawn) - gap, head + drawn[0].height), (255, 255, 255))
    letters, at = Lettering(15), 0
    for title, panel in zip(panels, drawn, strict=True):
        canvas.paste(panel, (at, head))
        middle = at + panel.width - columns * 34 // 2
        letters.write(ImageDraw.Draw(canvas), (middle, head // 2), title, fill=(40, 40, 40), anchor="mm")
        at += panel.width + gap
    sheets.save(canvas, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("augmentation_study"), help="folder of the data and the runs")
    parser.add_argument("--arms", type=arm_list(ARMS), default=list(ARMS))
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--per_class", type=int, default=PER_CLASS, help="training images of each class")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--table", type=Path, help="print the table of a results.jsonl and end")
    parser.add_argument("--sheet", type=Path, help="draw samples of the arms' runs side by side and end")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    out = flags.out.resolve()
    if flags.table:
        print(table([json.loads(line) for line in flags.table.read_text(encoding="utf-8").splitlines()]))
    elif flags.measure:
        print(json.dumps(measure(out, flags.measure)))
    elif flags.sheet:
        draw_sheet(out, flags.sheet, flags.arms, flags.seeds[0])
    else:
        out.mkdir(parents=True, exist_ok=True)
        prepare(out, flags.per_class)
        for seed in flags.seeds:
            for arm in flags.arms:
                run_arm(out, arm, flags.per_class, seed, flags.steps)


if __name__ == "__main__":
    main()
