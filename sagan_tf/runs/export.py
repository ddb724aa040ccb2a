"""Exports a run's generator with fixed statistics, as the next version below a folder."""

import argparse
import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note, warn
from sagan_tf.foundation.option_names import LARGEST_TRUNCATION, THRESHOLDS
from sagan_tf.foundation.progress import clock
from sagan_tf.foundation.tensorflow_names import check_tensorflow_name
from sagan_tf.foundation.versions import versions
from sagan_tf.foundation.writers import signature
from sagan_tf.interop import onnx, saved_model
from sagan_tf.latents import NORMAL
from sagan_tf.models.inference import bake
from sagan_tf.runs.default_statistics import default_statistics
from sagan_tf.runs.published_statistics import MODE, published_statistics
from sagan_tf.runs.run_data import check_outside
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel


class ExportError(RuntimeError):
    """The requested export is not possible, or can't be written."""


def export(flags: argparse.Namespace) -> Path:
    """Writes the newest version below `flags.out` and returns its path."""
    run = RunDirectory.open(flags.run_dir)
    check_flags(flags, run.experiment().latent)
    files.check_output("--out", flags.out, folder=True)
    check_tensorflow_name("--out", flags.out, read_there=flags.format == "saved_model")
    check_outside("--out", flags.out, run.experiment().data)
    if flags.format == "onnx":
        onnx.library()  # before standing statistics are gathered, which takes minutes
    out = Path(flags.out)
    _warn_of_another_format(out, flags.format)
    served, protocol = prepare(run, flags)
    with new_version(out) as version:
        if flags.format == "onnx":
            version.folder.mkdir()
            with clock("converting to ONNX"):
                onnx.save(served, version.folder / "model.onnx", protocol)
        else:
            with clock("writing the SavedModel"):
                saved_model.save(served, version.folder, protocol)
    return version.path


def check_flags(flags: argparse.Namespace, latent: str) -> None:
    """Raises ExportError for a number of passes below 1, and for flags of a truncation that the prior doesn't have."""
    if flags.standing_passes < 1:
        raise ExportError(
            f"--standing_passes must be at least 1; received --standing_passes={flags.standing_passes}. Give more."
        )
    if latent not in NORMAL and (flags.truncations or flags.truncation_mode):
        raise ExportError(
            f"--truncations and --truncation_mode must be of a normal prior; received one of them for {flags.run_dir}, "
            f"whose prior is latent={latent!r}. Leave it out."
        )


def _warn_of_another_format(out: Path, form: str) -> None:
    """Warns of versions of another format, since a server that watches the folder loads the newest version alone."""
    other = {"saved_model": "model.onnx", "onnx": "saved_model.pb"}[form]
    if any(path.parent.name.isdecimal() for path in out.glob(f"*/{other}")):
        warn(
            f"{out} has versions of another format, with a {other}. A server that watches the folder loads only the "
            "newest version. Give each format a folder of its own."
        )


def prepare(run: RunDirectory, flags: argparse.Namespace) -> tuple[saved_model.Served, dict]:
    """The generator with its statistics fixed, and the facts that are stored with the export."""
    latent, n_classes = run.experiment().latent, len(run.class_names)
    truncated = latent in NORMAL  # with every request comes a truncation in (0, 2]
    steps = run.checkpoints().steps() if flags.step is None else [flags.step]
    published = published_statistics(run, steps[-1]) if steps else None
    mode = (flags.truncation_mode or (MODE if published else "resampled")) if truncated else None
    held = published is not None and mode == MODE
    statistics = flags.statistics or default_statistics(run.spec(), truncated=truncated, published=held)
    _check_statistics(statistics, flags, latent, mode)
    model = TrainedModel(
        run, average=flags.average, step=flags.step, statistics=statistics, standing_passes=flags.standing_passes
    )
    network = onnx.computable(model.generator) if getattr(flags, "format", None) == "onnx" else model.generator
    summary = f"Step {model.step}, {'averaged' if model.averaged else 'raw'} weights, {statistics} statistics"
    by_value = {np.float32(threshold): threshold for threshold in flags.truncations or THRESHOLDS}
    thresholds = tuple(sorted(by_value.values())) if truncated else (1.0,)
    if statistics == "standing":
        note(f"{summary} at truncation {', '.join(map(str, thresholds))}")
        of_prior = thresholds if truncated else [None]
        generator = bake(network, model.standing_statistics(of_prior, mode or "resampled"), thresholds)
    elif statistics == "published":
        thresholds = model.published.thresholds
        note(f"{summary} at {len(thresholds)} truncations up to {thresholds[-1]:g}")
        generator = bake(network, model.published.sets(), thresholds)
    else:
        note(summary)
        generator = bake(network)
    protocol = {
        "class_names": list(run.class_names),
        "label_kind": run.label_kind,
        "gray": run.gray,
        "resolution": generator.spec.resolution,
        "z_dim": generator.spec.z_dim,
        "latent": latent,
        "truncation_mode": mode,
        "statistics": statistics,
        "truncations": list(thresholds) if statistics in ("standing", "published") else None,
        "standing_passes": flags.standing_passes if statistics == "standing" else None,
        "weights": "ema" if model.averaged else "raw",
        "step": model.step,
        "data": run.facts()["data"]["name"],
        "config": (run.path / "config.gin").read_text(encoding="utf-8"),
        "versions": versions(),
    }
    largest = thresholds[-1] if statistics == "published" else LARGEST_TRUNCATION
    served = saved_model.Served(
        generator=generator, n_classes=n_classes, latent=latent, mode=mode, largest_truncation=largest
    )
    return served, protocol


def _check_statistics(statistics: str, flags: argparse.Namespace, latent: str, mode: str | None) -> None:
    """Raises ExportError for statistics that can't be part of an export, or not with the other flags."""
    if statistics == "batch":
        raise ExportError(
            f"an exported image must not depend on the others of its batch; received a run whose networks divide by "
            f"the batch's own moments (inference_statistics='batch') with latent={latent!r}, which can't be truncated. "
            "Add --statistics=moving or --statistics=standing."
        )
    if flags.truncations and statistics != "standing":
        raise ExportError(
            f"--truncations apply to standing statistics only; received --statistics={statistics}. Leave one of them "
            "out."
        )
    if statistics == "published" and mode != MODE:
        raise ExportError(
            f"--statistics=published applies only to --truncation_mode={MODE}; received --truncation_mode={mode}. "
            "Leave one of them out."
        )


@dataclasses.dataclass(kw_only=True)
class Version:
    """A version that is being written. folder: to write to. path: where the version is; None until it is complete."""

    folder: Path
    path: Path | None = None


@contextlib.contextmanager
def new_version(out: Path) -> Iterator[Version]:
    """A folder to write to, which is renamed to the next free number below `out` when the block succeeds.

    A server that watches `out` sees the version either complete or not at all, since it ignores names that are not
    numbers. Several processes may export to `out` at once; each gets a number of its own.

    Raises:
      ExportError: if it can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        files.sweep(out)
        version = Version(folder=out / f"{files.TEMPORARY}version-{signature()}")
        try:
            yield version
            for path in (*version.folder.rglob("*"), version.folder):
                files.flush(path)
            version.path = _numbered(version.folder, out)
        finally:
            shutil.rmtree(version.folder, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        reason = files.explain(error, out) if out.is_dir() else None
        reason = reason or f"--out must be a folder that can be written; received --out={out} ({error})."
        raise ExportError(reason) from error


def _numbered(folder: Path, out: Path) -> Path:
    """Renames a finished folder to the next free number below `out`, and returns that path."""
    while True:
        taken = [int(path.name) for path in out.iterdir() if path.name.isdecimal()]
        final = out / str(max(taken, default=0) + 1)
        try:
            files.move(folder, final)
            return final
        except OSError:
            if not (folder.exists() and final.exists()):  # else another export has just taken the number
                raise
