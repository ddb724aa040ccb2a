"""Writes expected curves from finished runs of one configuration, and draws them.

    python benchmarks/expected_curves.py RUN_OF_SEED_0 RUN_OF_SEED_1 --out=benchmarks/expected/quickstart.jsonl
    python benchmarks/expected_curves.py --out=benchmarks/expected/quickstart.jsonl --plot=quickstart.png

Then `python -m sagan_tf.visualize report --run_dir=RUN --expected=benchmarks/expected/quickstart.jsonl` draws the range
behind a run's own curves. For metrics during training, train with --gin_bindings='train.evaluate_every=400'; or keep
all checkpoints (train.keep_checkpoints), and --evaluate_every=400 measures those of these steps and the last one.
"""

import argparse
import json
from pathlib import Path

from sagan_tf.figures.expected_curves import Band, ExpectedCurves, records_of_run
from sagan_tf.foundation import files, jsonl

_PANELS = {
    "fid": "FID",
    "shape_variety": "Variety of shape",
    "class_accuracy": "Class accuracy",
    "recall": "Recall",
    "long_range_agreement": "Long-range agreement",
    "d_loss": "D loss",
    "g_loss": "G loss",
}


def collect(runs: list[Path]) -> list[dict]:
    """The records of all runs; each is named by its seed."""
    records = []
    for run in runs:
        seed = json.loads((run / "config.json").read_text(encoding="utf-8"))["seed"]
        metrics, train = jsonl.read(run / "metrics.jsonl"), jsonl.read(run / "train.jsonl")
        records += records_of_run(f"seed {seed}", metrics, train)
    return records


def evaluate(runs: list[Path], every: int) -> None:
    """Measures each run's checkpoints at multiples of `every` and its last one, unless metrics.jsonl has their step."""
    from sagan_tf.evaluation.options import EvaluationOptions
    from sagan_tf.runs.evaluation import evaluate_run
    from sagan_tf.runs.run_directory import RunDirectory

    for folder in runs:
        run = RunDirectory.open(folder)
        measured = {record["protocol"].get("step") for record in jsonl.read(folder / "metrics.jsonl")}
        steps = run.checkpoints().steps()
        for step in steps:
            if step not in measured and (step % every == 0 or step == steps[-1]):
                evaluate_run(run, run.experiment().evaluation or EvaluationOptions(n_samples=5000), step=step)


def plot(expected: ExpectedCurves, out: Path) -> None:
    """Draws each mean and range over the runs by step, and writes the last mean; losses are means of 100 steps."""
    from sagan_tf.figures import canvas

    bands: dict[str, Band] = {title: band for name, title in _PANELS.items() if (band := expected.band(name))}
    columns = 4
    rows = -(-len(bands) // columns)
    figure, grid = canvas.figure(rows, columns, size=(2.9 * columns, 2.5 * rows), hspace=0.55, wspace=0.28)
    for axes, (title, band) in zip(grid.flat, bands.items(), strict=False):
        axes.fill_between(band.steps, band.low, band.high, color=canvas.COLORS[1], alpha=0.3, linewidth=0)
        axes.plot(band.steps, band.mean, color=canvas.COLORS[1], linewidth=1.4)
        axes.set(title=f"{title}: {band.mean[-1]:.3g}", xlabel="step")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    for axes in grid.flat[len(bands) :]:
        axes.set_visible(False)
    figure.subplots_adjust(left=0.04, right=0.985, top=0.93, bottom=0.1)
    canvas.save(figure, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="finished runs, which differ only in their seeds")
    parser.add_argument("--out", type=Path, required=True, help="the file of expected curves")
    parser.add_argument("--plot", type=Path, help="a PNG of the curves")
    parser.add_argument(
        "--evaluate_every", type=int, help="measure the runs' checkpoints at multiples of this number of steps"
    )
    flags = parser.parse_args()
    if flags.evaluate_every:
        evaluate(flags.runs, flags.evaluate_every)
    if flags.runs:
        files.write_text(flags.out, "".join(json.dumps(record) + "\n" for record in collect(flags.runs)))
    if flags.plot:
        plot(ExpectedCurves.read(flags.out), flags.plot)


if __name__ == "__main__":
    main()
