"""Exports a run's generator with fixed statistics, as the next version below a folder."""

import argparse
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.option_names import LARGEST_TRUNCATION, THRESHOLDS
from sagan_tf.foundation.progress import clock
from sagan_tf.foundation.versions import versions
from sagan_tf.interop import onnx, saved_model
from sagan_tf.latents import NORMAL
from sagan_tf.models.inference import bake
from sagan_tf.runs.published_statistics import MODE, published_statistics
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel, default_statistics


class ExportError(RuntimeError):
    """The requested export is not possible, or can't be written."""


def export(flags: argparse.Namespace) -> Path:
    """Writes the newest version below `flags.out` and returns its path."""
    run = RunDirectory.open(flags.run_dir)
    check_flags(flags, run.experiment().latent)
    files.check_output("--out", flags.out, folder=True)
    if flags.format == "onnx":
        onnx.library()  # before standing statistics are gathered, which takes minutes
    served, protocol = prepare(run, flags)
    out = Path(flags.out)
    with new_version(out) as (folder, final):
        if flags.format == "onnx":
            folder.mkdir()
            with clock("converting to ONNX"):
                onnx.save(served, folder / "model.onnx", protocol)
        else:
            with clock("writing the SavedModel"):
                saved_model.save(served, folder, protocol)
    return final


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
    summary = f"Step {model.step}, {'averaged' if model.averaged else 'raw'} weights, {statistics} statistics"
    thresholds = tuple(sorted(set(flags.truncations or THRESHOLDS))) if truncated else (1.0,)
    if statistics == "standing":
        note(f"{summary} at truncation {', '.join(map(str, thresholds))}")
        of_prior = thresholds if truncated else [None]
        generator = bake(model.generator, model.standing_statistics(of_prior, mode or "resampled"), thresholds)
    elif statistics == "published":
        thresholds = model.published.thresholds
        note(f"{summary} at {len(thresholds)} truncations up to {thresholds[-1]:g}")
        generator = bake(model.generator, model.published.sets(), thresholds)
    else:
        note(summary)
        generator = bake(model.generator)
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


@contextlib.contextmanager
def new_version(out: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to write to, and the next free number below `out`, to which the folder is renamed when the block
    succeeds.

    A server that watches `out` sees the version either complete or not at all, since it ignores names that are not
    numbers.

    Raises:
      ExportError: if it can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        files.sweep(out)
        taken = [int(p.name) for p in out.iterdir() if p.name.isdecimal()]
        final = out / str(max(taken, default=0) + 1)
        temporary = out / f".tmp-{final.name}-{os.getpid()}"
        try:
            yield temporary, final
            for path in (*temporary.rglob("*"), temporary):
                files.flush(path)
            files.move(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        reason = files.explain(error, out) if out.is_dir() else None
        reason = reason or f"--out must be a folder that can be written; received --out={out} ({error})."
        raise ExportError(reason) from error
