"""`python -m sagan_tf.visualize WHAT --run_dir=RUN`: pictures of a trained run."""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from sagan_tf.figures import canvas, sheets
from sagan_tf.figures.image_table import ImageTable, save_animation
from sagan_tf.figures.query_points import parse_points
from sagan_tf.figures.spectra import spectra_figure
from sagan_tf.foundation import files, jsonl
from sagan_tf.foundation.comma_lists import comma_list, entries, number
from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.progress import Progress
from sagan_tf.foundation.refusals import Parser, answered
from sagan_tf.latents import THRESHOLDS, TRUNCATIONS
from sagan_tf.monitoring.health_records import health_file
from sagan_tf.runs import figures
from sagan_tf.runs.class_index import CLASSES_HELP
from sagan_tf.runs.report import write_report
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.interpolation import PATHS
from sagan_tf.sampling.standing_statistics import Statistics

_CLASSES = 8  # Shown where neither --classes nor --num asks for more.


def attention(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    layer = figures.choose_layer(figures.layers_of(model), flags.layer)
    points = parse_points(flags.points, model.spec.resolution) if flags.points else None
    made = figures.attention(
        model, _labels(flags, model), layer, seed=flags.seed, points=points, count=flags.count, real=flags.real
    )
    return [canvas.save(made, _out(flags))]


def interpolate(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    labels = _labels(flags, model)

    def table(steps: int) -> ImageTable:
        return figures.interpolation(model, labels, seed=flags.seed, kind=flags.kind, steps=steps, path=flags.path)

    sheet = sheets.save(table(flags.steps).draw(), _out(flags))
    frames = table(flags.frames)
    moving = [frames.frame(i) for i in range(flags.frames)]
    return [sheet, save_animation(moving, Path(flags.animation or sheet.with_suffix(".webp")))]


def neighbors(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    table = figures.nearest_images(
        model, _labels(flags, model), seed=flags.seed, count=flags.count, extractor=flags.extractor
    )
    return [sheets.save(table.draw(), _out(flags))]


def truncation(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    table = figures.truncation(
        model, _labels(flags, model), thresholds=flags.thresholds, mode=flags.truncation_mode, seed=flags.seed
    )
    return [sheets.save(table.draw(), _out(flags))]


def classes(flags: argparse.Namespace) -> list[Path]:
    model, folder = _model(flags), _out(flags, suffix="")
    made = []
    for label in Progress(_labels(flags, model), title="drawing sheets", unit="class"):
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in model.class_names[label])
        table = figures.class_sheet(model, label, seed=flags.seed, count=flags.count)
        made.append(sheets.save(table.draw(), folder / f"{label:04d}_{name}.png"))
    compared = figures.easy_and_difficult(model, seed=flags.seed)
    if compared is None:
        print(
            "No intra-FID of this run yet, so easy and difficult classes are not told apart: "
            "python -m sagan_tf.evaluate --metrics=intra_fid --run_dir=" + shlex.quote(flags.run_dir),
            file=sys.stderr,
        )
        return made
    return [*made, sheets.save(compared.draw(), folder / "easy_and_difficult.png")]


def spectra(flags: argparse.Namespace) -> list[Path]:
    run = RunDirectory.open(flags.run_dir).path
    return [canvas.save(spectra_figure(jsonl.read(run / "train.jsonl"), jsonl.read(health_file(run))), _out(flags))]


def report(flags: argparse.Namespace) -> list[Path]:
    return [write_report(RunDirectory.open(flags.run_dir), _out(flags, suffix=".html"))]


WHAT: dict[str, tuple[Callable[[argparse.Namespace], list[Path]], str]] = {
    "attention": (attention, "where points of an image look (SAGAN, Figures 1 and 5)"),
    "interpolate": (interpolate, "from one z or class to another: a sheet and an animation"),
    "neighbors": (neighbors, "the training images nearest to samples, in pixels and in features"),
    "truncation": (truncation, "the same seeds over truncation thresholds (BigGAN, Figure 2)"),
    "classes": (classes, "a sheet a class; the easy and the difficult ones, where intra-FID is known"),
    "spectra": (spectra, "singular values over training (BigGAN, Figure 3), losses and gamma"),
    "report": (report, "one self-contained HTML page of the run"),
}


def _model(flags: argparse.Namespace) -> TrainedModel:
    return TrainedModel(
        flags.run_dir, average=flags.average, step=flags.step, statistics=getattr(flags, "statistics", None)
    )


def _labels(flags: argparse.Namespace, model: TrainedModel) -> np.ndarray:
    """`--num` labels, the chosen classes in turn; without --num each once, of the run's own at most eight, said so."""
    text, names = flags.classes, model.class_names
    chosen = model.labels(range(len(names)) if text is None else [text] if text in names else entries(text))
    if flags.num is None and text is None and len(names) > _CLASSES:
        shown = ", ".join(names[:_CLASSES])
        print(f"Showing {_CLASSES} of {len(names)} classes: {shown}. Choose with --classes or --num.", file=sys.stderr)
        return chosen[:_CLASSES]
    return np.resize(chosen, flags.num or len(chosen))


def _check_outputs(flags: argparse.Namespace) -> None:
    """Refuses what can't be written before pictures are made."""
    suffix = {"classes": "", "report": ".html"}.get(flags.what, ".png")
    files.check_output("--out", _out(flags, suffix), folder=flags.what == "classes")
    if getattr(flags, "animation", None):
        files.check_output("--animation", flags.animation)


def _out(flags: argparse.Namespace, suffix: str = ".png") -> Path:
    return Path(flags.out or Path(flags.run_dir) / "pictures" / f"{flags.what}{suffix}")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; received {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m sagan_tf.visualize", description=__doc__)
    chosen = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    verbs = {name: chosen.add_parser(name, help=text, description=text) for name, (_, text) in WHAT.items()}
    for name, verb in verbs.items():
        verb.add_argument("--run_dir", required=True, metavar="RUN")
        verb.add_argument("--out", help="the file, for `classes` the folder; by default in RUN/pictures")
        if name not in ("spectra", "report"):
            _add_choice(verb)
    verbs["attention"].add_argument("--layer", help="such as generator.attention_64; by default G's last")
    verbs["attention"].add_argument("--points", metavar="X,Y;X,Y", help="pixels; by default where maps differ most")
    verbs["attention"].add_argument("--count", type=_positive, default=4, help="points an image, without --points")
    verbs["attention"].add_argument("--real", action="store_true", help="training images instead of samples, for D")
    verbs["interpolate"].add_argument("--kind", choices=figures.KINDS, default="both", help="what changes")
    verbs["interpolate"].add_argument("--path", choices=list(PATHS), default="spherical", help="of z")
    verbs["interpolate"].add_argument("--steps", type=_positive, default=9, help="images a row of the sheet")
    verbs["interpolate"].add_argument("--frames", type=_positive, default=25, help="of the animation, one way")
    verbs["interpolate"].add_argument("--animation", metavar="FILE", help=".webp or .gif; by default beside the sheet")
    verbs["neighbors"].add_argument("--count", type=_positive, default=4, help="neighbors a sample")
    verbs["neighbors"].add_argument(
        "--extractor",
        metavar="NAME",
        help="of features, as in evaluate: auto, inception, dataset, or a SavedModel's folder; by default the run's",
    )
    verbs["truncation"].add_argument(
        "--thresholds",
        type=comma_list(number, "numbers"),
        default=list(THRESHOLDS),
        metavar="2,1,0.5",
    )
    verbs["truncation"].add_argument("--truncation_mode", choices=list(TRUNCATIONS), default="resampled")
    verbs["truncation"].add_argument(
        "--statistics",
        choices=get_args(Statistics),
        help="of the norms; by default standing ones, gathered for each threshold",
    )
    verbs["classes"].add_argument("--count", type=_positive, default=64, help="images a sheet")
    return parser


def _add_choice(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--classes", help=CLASSES_HELP)
    verb.add_argument(
        "--num",
        type=_positive,
        help="rows, the classes in turn; by default one per chosen class, or the first eight classes",
    )
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    verb.add_argument(
        "--average",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the moving average of G, or its raw weights; the average by default if there is one",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    flags = _parser().parse_args(arguments)

    def work() -> None:
        with sigterm_as_keyboard_interrupt():
            _check_outputs(flags)
            for path in WHAT[flags.what][0](flags):
                print(path)

    return answered(work, interrupted="interrupted: no picture was written. Repeat the command.")


if __name__ == "__main__":
    sys.exit(main())
