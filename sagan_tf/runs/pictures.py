"""The pictures that `visualize` writes, each from its flags."""

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sagan_tf.figures import canvas, sheets
from sagan_tf.figures.expected_curves import ExpectedCurves
from sagan_tf.figures.image_table import ImageTable, check_animation, save_animation
from sagan_tf.figures.query_points import parse_points
from sagan_tf.figures.spectra import spectra_figure
from sagan_tf.foundation import files, jsonl
from sagan_tf.foundation.comma_lists import entries
from sagan_tf.foundation.file_names import in_file_name
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.option_names import THRESHOLDS
from sagan_tf.foundation.progress import Progress
from sagan_tf.monitoring.health_records import health_file
from sagan_tf.runs import figures
from sagan_tf.runs.batch_independence import without_batch_statistics
from sagan_tf.runs.nearest_images import nearest_images
from sagan_tf.runs.report import write_report
from sagan_tf.runs.run_data import check_outside
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.trained import TrainedModel

_UP_TO_1 = (1.0, 0.8, 0.6, 0.4, 0.2)  # thresholds of generators whose published statistics end at 1
_CLASSES = 8  # Shown where neither --classes nor --num asks for more.


def attention(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    points = parse_points(flags.points, model.spec.resolution) if flags.points else None
    figures.choose_layer(figures.layers_of(model), flags.layer)  # refuses before statistics are gathered
    model = without_batch_statistics(model)
    layer = figures.choose_layer(figures.layers_of(model), flags.layer)
    made = figures.attention(
        model, _labels(flags, model), layer, seed=flags.seed, points=points, count=flags.count, real=flags.real
    )
    return [canvas.save(made, _out(flags))]


def interpolate(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    if flags.kind == "class" and not model.has_classes:
        raise RunError(f"--kind=class needs classes; received a run without, {flags.run_dir}. Give --kind=z.")
    model = without_batch_statistics(model)
    labels = _labels(flags, model)
    animation = Path(flags.animation or _out(flags).with_suffix(".webp"))
    frame = figures.blank_interpolation(model, labels, kind=flags.kind, path=flags.path).frame(0)
    check_animation(animation, frame.size)

    def table(steps: int) -> ImageTable:
        return figures.interpolation(model, labels, seed=flags.seed, kind=flags.kind, steps=steps, path=flags.path)

    sheet = sheets.save(table(flags.steps).draw(), _out(flags))
    frames = table(flags.frames)
    moving = [frames.frame(i) for i in range(flags.frames)]
    return [sheet, save_animation(moving, animation)]


def neighbors(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    table = nearest_images(model, _labels(flags, model), seed=flags.seed, count=flags.count, extractor=flags.extractor)
    return [sheets.save(table.draw(), _out(flags))]


def truncation(flags: argparse.Namespace) -> list[Path]:
    model = _model(flags)
    usual = _UP_TO_1 if model.published else THRESHOLDS
    table = figures.truncation(
        model, _labels(flags, model), thresholds=flags.thresholds or usual, mode=flags.truncation_mode, seed=flags.seed
    )
    return [sheets.save(table.draw(), _out(flags))]


def classes(flags: argparse.Namespace) -> list[Path]:
    model, folder = _model(flags), _out(flags, suffix="")
    made = []
    labels = dict.fromkeys(_labels(flags, model).tolist())
    for label in Progress(labels, total=len(labels), title="drawing sheets", unit="class"):
        name = in_file_name(model.class_names[label])
        table = figures.class_sheet(model, label, seed=flags.seed, count=flags.count)
        made.append(sheets.save(table.draw(), folder / f"{label:04d}_{name}.png"))
    compared = figures.easy_and_difficult(model, seed=flags.seed)
    if compared is None and not model.has_classes:
        return made
    if compared is None:
        note(
            "No intra-FID of two classes of this run yet, so easy and difficult ones cannot be distinguished: "
            "python -m sagan_tf.evaluate --metrics=intra_fid --run_dir=" + shlex.quote(flags.run_dir)
        )
        return made
    return [*made, sheets.save(compared.draw(), folder / "easy_and_difficult.png")]


def spectra(flags: argparse.Namespace) -> list[Path]:
    run = RunDirectory.open(flags.run_dir).path
    return [canvas.save(spectra_figure(jsonl.read(run / "train.jsonl"), jsonl.read(health_file(run))), _out(flags))]


def report(flags: argparse.Namespace) -> list[Path]:
    expected = ExpectedCurves.read(flags.expected) if flags.expected else None
    run = RunDirectory.open(flags.run_dir, data=flags.data)
    return [write_report(run, _out(flags, suffix=".html"), expected=expected)]


PICTURES: dict[str, Callable[[argparse.Namespace], list[Path]]] = {
    "attention": attention,
    "interpolate": interpolate,
    "neighbors": neighbors,
    "truncation": truncation,
    "classes": classes,
    "spectra": spectra,
    "report": report,
}


# What --out may end in.
_SUFFIXES = {
    **dict.fromkeys(("attention", "spectra"), canvas.SUFFIXES),
    **dict.fromkeys(("interpolate", "neighbors", "truncation"), (".png",)),
}


def draw(flags: argparse.Namespace) -> list[Path]:
    """Draws the pictures that the flags request, and returns their paths."""
    _check_outputs(flags)
    return PICTURES[flags.what](flags)


def _model(flags: argparse.Namespace) -> TrainedModel:
    run = RunDirectory.open(flags.run_dir, data=getattr(flags, "data", None))
    return TrainedModel(run, average=flags.average, step=flags.step, statistics=getattr(flags, "statistics", None))


def _labels(flags: argparse.Namespace, model: TrainedModel) -> np.ndarray:
    """`--num` labels, cycling through the chosen classes; without --num each class once, by default at most eight.

    A run without classes has eight rows of its single label.
    """
    text, names = flags.classes, model.class_names
    if not model.has_classes and text is None:
        return np.zeros(flags.num or _CLASSES, np.int32)
    chosen = model.labels(range(len(names)) if text is None else [text] if text in names else entries(text))
    if flags.num is None and text is None and len(names) > _CLASSES:
        shown = ", ".join(model.titles[:_CLASSES])
        note(f"Showing {_CLASSES} of {len(names)} classes: {shown}. Choose with --classes or --num.")
        return chosen[:_CLASSES]
    return np.resize(chosen, flags.num or len(chosen))


def _check_outputs(flags: argparse.Namespace) -> None:
    """Refuses what can't be written before pictures are made."""
    suffix = {"classes": "", "report": ".html"}.get(flags.what, ".png")
    out = _out(flags, suffix)
    kinds = _SUFFIXES.get(flags.what, ())
    if kinds and out.suffix.lower() not in kinds:
        raise RunError(f"--out must be a file ending in {', '.join(kinds)}; received --out={out}. Rename it.")
    files.check_output("--out", out, folder=flags.what == "classes")
    if flags.out and flags.what != "report":  # a page is no image
        _check_outside_data("--out", flags.out, flags)
    if getattr(flags, "animation", None):
        check_animation(flags.animation)
        files.check_output("--animation", flags.animation)
        _check_outside_data("--animation", flags.animation, flags)


def _check_outside_data(flag: str, path: str, flags: argparse.Namespace) -> None:
    run = RunDirectory.open(flags.run_dir, data=getattr(flags, "data", None))
    check_outside(flag, path, run.experiment().data)


def _out(flags: argparse.Namespace, suffix: str = ".png") -> Path:
    return Path(flags.out or Path(flags.run_dir) / "pictures" / f"{flags.what}{suffix}")
