"""`python -m sagan_tf.sample`: images from a run's directory, as a sheet, as single files, or as one .npz."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from sagan_tf.config import ConfigError, nearest
from sagan_tf.data.source import DataError
from sagan_tf.evaluation.cache import write_arrays
from sagan_tf.latents import TRUNCATIONS
from sagan_tf.run_directory import RunDirectory, RunError
from sagan_tf.sampling import grids
from sagan_tf.sampling.sampler import Truncation
from sagan_tf.training.checkpoints import CheckpointError


def parse_classes(text: str | None, names: Sequence[str]) -> list[int]:
    """ "3,7" or "cat,dog" (or both, or a name with commas in it) to indices; None to all classes.

    Raises:
      RunError: for a class that isn't there, with the nearest name.
    """
    if text is None:
        return list(range(len(names)))
    return [_class_index(word.strip(), names) for word in ([text] if text in names else text.split(","))]


def _class_index(word: str, names: Sequence[str]) -> int:
    if word in names:
        return list(names).index(word)
    if word.isdigit() and int(word) < len(names):
        return int(word)
    raise RunError(
        f"--classes must be names or indices of this run's {len(names)} classes; received {word!r}. "
        f"{nearest(word, names)}Classes: {', '.join(f'{i} {name}' for i, name in enumerate(names[:30]))}"
        + (", ..." if len(names) > 30 else ".")
    )


def labels_for(classes: Sequence[int], count: int) -> np.ndarray:
    """`count` labels (count,), class after class, as evenly as it goes."""
    return np.asarray(classes, np.int32)[np.arange(count) * len(classes) // count]


def write_files(batches: Iterable[np.ndarray], labels: np.ndarray, names: Sequence[str], folder: Path) -> None:
    """PNG files FOLDER/00000_NAME.png, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for batch in batches:
        for image in batch:
            name = "".join(c if c.isalnum() or c in "-_" else "_" for c in names[labels[number]])
            Image.fromarray(image).save(folder / f"{number:05d}_{name}.png")
            number += 1


def write_sheet(images: np.ndarray, labels: np.ndarray, names: Sequence[str], path: Path) -> None:
    """A row a class; rows shorter than the longest are filled up with white."""
    rows = sorted(set(labels.tolist()))
    columns = max(int((labels == row).sum()) for row in rows)
    cells = np.full((len(rows), columns, *images.shape[1:]), 255, np.uint8)
    for i, row in enumerate(rows):
        chosen = images[labels == row]
        cells[i, : len(chosen)] = chosen
    grids.save(grids.sheet(cells.reshape(-1, *images.shape[1:]), [names[row] for row in rows]), path)


def write_npz(images: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """`arr_0` uint8 (N,H,W,3) and `labels` int32 (N,), as the evaluation suites read them."""
    write_arrays(path, {"arr_0": images, "labels": labels})


def with_progress(batches: Iterable[np.ndarray], total: int) -> Iterator[np.ndarray]:
    with tqdm(total=total, desc="sample", unit="image", disable=None) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def sample(flags: argparse.Namespace) -> None:
    run = RunDirectory.open(flags.run_dir)
    names = run.class_names
    classes = parse_classes(flags.classes, names)
    labels = labels_for(classes, flags.num)
    cut = Truncation(threshold=flags.truncation, mode=flags.truncation_mode) if flags.truncation is not None else None
    sampler, step, averaged = run.sampler(
        average=flags.average, step=flags.step, truncation=cut, statistics=flags.statistics
    )
    said = [f"Step {step}", "averaged weights" if averaged else "raw weights", f"{flags.statistics} statistics"]
    said += [f"truncation {cut.threshold} ({cut.mode})" if cut else "no truncation", f"seed {flags.seed}"]
    print(", ".join(said), file=sys.stderr)
    batches = with_progress(sampler.batches(labels, seed=flags.seed), flags.num)
    out = Path(flags.out) if flags.out else run.path / "samples" / f"sample-step-{step:08d}-seed-{flags.seed}.png"
    if flags.npz is None and out.suffix.lower() != ".png":
        write_files(batches, labels, names, out)
        print(out)
        return
    images = np.concatenate(list(batches))
    if flags.npz is not None:
        write_npz(images, labels, Path(flags.npz))
        print(flags.npz)
    if flags.npz is None or flags.out:
        write_sheet(images, labels, names, out)
        print(out)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sagan_tf.sample", description=__doc__)
    parser.add_argument("--run_dir", required=True, metavar="RUN")
    parser.add_argument("--num", type=int, default=80, help="images in all, spread evenly over the classes")
    parser.add_argument("--classes", help="indices or names, separated by commas; all by default")
    parser.add_argument("--seed", type=int, default=0, help="image i of a seed is always the same")
    parser.add_argument("--out", help="a .png file for a sheet, or a folder for single files")
    parser.add_argument("--npz", metavar="FILE", help="arr_0 uint8 (N,H,W,3) and labels")
    parser.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    parser.add_argument(
        "--average", action=argparse.BooleanOptionalAction, default=None,
        help="the moving average of G, or its raw weights; the average by default if there is one",
    )  # fmt: skip
    parser.add_argument("--truncation", type=float, metavar="THRESHOLD", help="cut z; BigGAN's are 0.04 to 2")
    parser.add_argument("--truncation_mode", choices=list(TRUNCATIONS), default="resampled")
    parser.add_argument(
        "--statistics", choices=["moving", "standing"], default="moving",
        help="what the batch norms divide by: training's moving averages, or those of 100 fresh batches (BigGAN)",
    )  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.num < 1:
        parser.error(f"--num must be at least 1; received --num={flags.num}")
    try:
        sample(flags)
    except (RunError, ConfigError, DataError, CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
