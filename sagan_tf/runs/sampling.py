"""Draws images for `sample`: a sheet, single files, or one .npz; resumes after an interruption."""

import argparse
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sagan_tf.figures import sheets
from sagan_tf.foundation import files
from sagan_tf.foundation.comma_lists import entries
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.progress import Progress
from sagan_tf.runs.run_data import check_outside
from sagan_tf.runs.run_directory import RunError
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.sampler import Sampler, Truncation
from sagan_tf.sampling.seeds import image_seeds
from sagan_tf.sampling.stored_images import NpzFile, PngFolder
from sagan_tf.training.strategy import create_strategy

IMAGES_A_WRITE = 1024
_MOST_PIXELS = 2**30  # of a sheet, which is drawn in memory: 3 GB
# What a user who names a file of these means can't be a folder of single files.
_FILES = (".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pdf", ".svg", ".npz", ".npy", ".zip")


def parse_classes(text: str | None, model: TrainedModel) -> list[int]:
    """ "3,7" or "cat,dog" (or both, or a name with commas in it) to indices; None to all classes.

    Raises:
      RunError: for an unknown class; the message suggests the closest name.
    """
    if text is None:
        return list(range(len(model.class_names)))
    return model.labels([text] if text in model.class_names else entries(text)).tolist()


def labels_for(classes: Sequence[int], count: int) -> np.ndarray:
    """`count` labels (count,), cycling through the classes: image i has the seed and class that evaluation uses."""
    return np.resize(np.asarray(classes, np.int32), count)


def sheet(images: np.ndarray, labels: np.ndarray, names: Sequence[str], path: Path) -> Path:
    """Writes a sheet with one row per class; shorter rows are padded with white."""
    rows = list(dict.fromkeys(labels.tolist()))
    columns = max(int((labels == row).sum()) for row in rows)
    cells = np.full((len(rows), columns, *images.shape[1:]), 255, np.uint8)
    for i, row in enumerate(rows):
        chosen = images[labels == row]
        cells[i, : len(chosen)] = chosen
    return sheets.save(sheets.sheet(cells.reshape(-1, *images.shape[1:]), [names[row] for row in rows]), path)


def square_sheet(images: np.ndarray, path: Path) -> Path:
    """Writes a sheet of images without classes, about as high as wide, padded with white."""
    columns = math.isqrt(len(images) - 1) + 1
    rows = -(-len(images) // columns)
    cells = np.full((rows * columns, *images.shape[1:]), 255, np.uint8)
    cells[: len(images)] = images
    return sheets.save(sheets.sheet(cells, [""] * rows), path)


def drawn(sampler: Sampler, seeds: np.ndarray, labels: np.ndarray, start: int = 0) -> Iterator[np.ndarray]:
    """Batches from image `start` on, with a progress bar."""
    with Progress(total=len(labels), initial=start, title="drawing", unit="image") as bar:
        for batch in sampler.of_seeds(seeds[start:], labels[start:]):
            yield batch
            bar.update(len(batch))


def store(target: PngFolder | NpzFile, plan: dict, sampler: Sampler, seeds: np.ndarray, labels: np.ndarray) -> Path:
    """Draws the missing images and writes them as they are drawn, about IMAGES_A_WRITE at a time."""
    there = target.begin(plan)
    first = there if there == len(labels) else there // sampler.batch_size * sampler.batch_size
    if first:
        note(f"Resuming after {first} existing images.")
    batches = drawn(sampler, seeds, labels, first)
    while part := list(itertools.islice(batches, max(1, IMAGES_A_WRITE // sampler.batch_size))):
        images = np.concatenate(part)
        target.write(first, images)
        first += len(images)
    return target.finish()


def check_target(target: Path | str | None, flags: argparse.Namespace) -> None:
    """Refuses what can't be written before images are drawn; None, the default place, isn't known yet."""
    if target is not None:
        if not flags.npz and Path(target).suffix.lower() in _FILES and not Path(target).is_dir():
            raise RunError(
                f"--out must be a .png file for a sheet, or a folder for single files; received --out={target}. Rename "
                "it; --npz=FILE writes an .npz."
            )
        single = bool(flags.npz) or Path(target).suffix.lower() == ".png"
        files.check_output("--npz" if flags.npz else "--out", target, folder=not single)


def check_size(count: int, resolution: int) -> None:
    """Refuses a sheet that would not fit into memory, before its images are drawn."""
    if (pixels := count * sheets.cell_side(resolution) ** 2) > _MOST_PIXELS:
        raise RunError(
            f"a sheet must have at most {_MOST_PIXELS:,} pixels; received --num={count}, whose sheet has {pixels:,}. "
            "Write single files by --out=FOLDER, or one file by --npz=FILE."
        )


def stored(out: Path, flags: argparse.Namespace, model: TrainedModel, labels: np.ndarray) -> PngFolder | NpzFile | None:
    """What the images are written to as they are drawn; None for a sheet."""
    if flags.npz:
        return NpzFile(out, labels, model.spec.resolution, model.class_names, has_classes=model.has_classes)
    if out.suffix.lower() == ".png":
        return None
    names = [model.class_names[y] if model.has_classes else "" for y in labels]
    return PngFolder(out, names, gray=model.run.gray)


def sample(flags: argparse.Namespace) -> Path:
    """Draws what the flags request and returns its path."""
    check_target(flags.npz or flags.out, flags)
    if flags.truncation is not None:
        Truncation(threshold=flags.truncation)  # raises before the run is read
    count = len(flags.seeds) if flags.seeds else flags.num
    seeds = np.asarray(flags.seeds, np.int64) if flags.seeds else image_seeds(flags.seed, count)
    strategy = create_strategy(flags.strategy, say=lambda line: None)
    with strategy.scope():
        model = TrainedModel(flags.run_dir, average=flags.average, step=flags.step, statistics=flags.statistics)
    classes = parse_classes(flags.classes, model)
    cut = model.as_truncation(flags.truncation, flags.truncation_mode)
    labels = labels_for(classes, count)
    summary = [f"Step {model.step}", "averaged weights" if model.averaged else "raw weights"]
    summary += [f"{model.statistics(cut)} statistics"]
    summary += [f"truncation {cut.threshold:g} ({cut.mode})" if cut else "no truncation"]
    if flags.classes:
        note("Classes: " + ", ".join(f"{y} {model.titles[y]}" for y in classes[:40]))
    note(", ".join([*summary, "seeds given" if flags.seeds else f"seed {flags.seed}"]))
    plan = {
        "made": summary,
        "weights": model.weights_hash,
        "seeds_and_labels": hashlib.sha256(seeds.tobytes() + labels.tobytes()).hexdigest()[:16],
        "first_seed": int(seeds[0]),
        "count": count,
    }
    which = f"seeds-{seeds[0]}" if flags.seeds else f"seed-{flags.seed}"
    which += f"-truncation-{cut.threshold:g}" if cut else ""
    out = Path(flags.npz or flags.out or model.run.path / "samples" / f"sample-step-{model.step:08d}-{which}.png")
    check_target(out, flags)
    if flags.npz or flags.out:
        check_outside("--npz" if flags.npz else "--out", out, model.run.experiment().data)
    target = stored(out, flags, model, labels)
    if target is None:
        check_size(count, model.spec.resolution)
    else:
        target.check(plan)
    with strategy.scope():
        sampler = model.sampler(cut)  # last of all, since it may gather standing statistics, which takes minutes
    if target is not None:
        return store(target, plan, sampler, seeds, labels)
    images = np.concatenate(list(drawn(sampler, seeds, labels)))
    return sheet(images, labels, model.titles, out) if model.has_classes else square_sheet(images, out)
