"""What `prepare_data` does: checks a data set, or writes a split of it as shards."""

import argparse
import dataclasses
import pathlib
import shlex
from collections.abc import Sequence

from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder.decoding import MAX_PIXELS
from sagan_tf.data.shards.index import INDEX_NAME, VALIDATION_FOLDER, ShardIndex, ShardPlan, read_index
from sagan_tf.data.shards.preparation import prepare
from sagan_tf.data.source import DataError, Source
from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.tensorflow_names import check_tensorflow_name
from sagan_tf.runs.run_data import check_outside

_SHARD_BYTES = 2**27  # of decoded pixels per shard; a third to a half of that when encoded
_PER_SHARD = (64, 8192)  # least and most examples per shard


def check(source: Source, resolution: int) -> bool:
    """Prints a summary of the data set; returns whether all of it can be used."""
    survey = source.survey(resolution)
    print(survey.report(resolution))
    return not survey.bad


def write(source: Source, flags: argparse.Namespace) -> ShardIndex:
    """Prepares the split of the data set that the flags ask for."""
    examples = source.open(flags.resolution, class_names=_class_names(source, flags))
    for text in examples.notes:
        note(text)
    low, high = _PER_SHARD
    per_shard = min(high, max(low, _SHARD_BYTES // (3 * flags.resolution**2)))
    plan = ShardPlan(
        source=examples.name,
        fingerprint=examples.fingerprint,
        class_names=examples.class_names,
        n_source=examples.n_examples,
        resolution=flags.resolution,
        method=flags.method,
        min_short_edge=flags.min_short_edge,
        encoding="jpeg" if flags.jpeg_quality else "png",
        quality=flags.jpeg_quality,
        per_shard=per_shard,
        split=flags.split,
    )
    return prepare(examples, plan, _folder(flags))


def _folder(flags: argparse.Namespace) -> pathlib.Path:
    """The folder of the shards; those of the validation split lie below the training shards."""
    out = pathlib.Path(flags.out)
    return out / VALIDATION_FOLDER if flags.split == "validation" else out


def _class_names(source: Source, flags: argparse.Namespace) -> Sequence[str]:
    """The classes, in the order of shards that already exist, so that an interrupted preparation can continue."""
    out = pathlib.Path(flags.out)
    own = source_from_flags(flags).class_names() if flags.split == "validation" else source.class_names()
    for folder in (out, out / VALIDATION_FOLDER):
        if (folder / INDEX_NAME).exists():
            before = read_index(folder).plan.class_names
            if set(before) == set(own):
                return before
    return own


def summary(index: ShardIndex, flags: argparse.Namespace) -> str:
    """What was written, and the next command."""
    counts, plan = index.class_counts, index.plan
    size = sum(shard.n_bytes for shard in index.shards) / 2**20
    left_out = f", {plan.n_source - index.count} left out as too small" if index.count < plan.n_source else ""
    following = f"Train on them: python -m sagan_tf.train --gin_file=... --data={shlex.quote(flags.out)} --run_dir=RUN"
    if plan.split == "validation":
        following = "For runs on the training shards, evaluate --reference=validation and --memorization read them."
    kind = "class" if len(counts) == 1 else "classes"
    return (
        f"{_folder(flags)}: {index.count} images of {len(counts)} {kind} ({min(counts)} to {max(counts)} per class"
        f"{left_out}) at {plan.resolution}x{plan.resolution} in {len(index.shards)} shards, {size:.1f} MiB.\n"
        f"{following}"
    )


def run(flags: argparse.Namespace) -> int:
    """Checks or prepares the data set that the flags name, and returns the exit code."""
    _refuse_bad(flags)
    if not flags.check:
        files.check_output("--out", flags.out, folder=True)
        check_tensorflow_name("--out", flags.out)
    source = source_from_flags(flags)
    if not flags.check:
        check_outside("--out", flags.out, source)
    if flags.split == "validation":
        source = source.validation()
    if flags.check:
        return 0 if check(source, flags.resolution) else 2
    print(summary(write(source, flags), flags))
    return 0


def source_from_flags(flags: argparse.Namespace) -> Source:
    """The data set that the flags name, before its split is chosen."""
    source = source_from_flag(flags.source, flags.data_dir)
    if flags.max_pixels == MAX_PIXELS:
        return source
    if not hasattr(source, "max_pixels"):
        raise DataError(
            f"--max_pixels must go with a folder of images; received --source={flags.source}. Leave it out."
        )
    return dataclasses.replace(source, max_pixels=flags.max_pixels)


def _refuse_bad(flags: argparse.Namespace) -> None:
    if flags.resolution < 8:
        raise DataError(f"The resolution must be at least 8; received --resolution={flags.resolution}.")
    if flags.max_pixels < 1:
        raise DataError(f"The limit of pixels must be at least 1; received --max_pixels={flags.max_pixels}.")
    if not 0 <= flags.jpeg_quality <= 100:
        raise DataError(f"The JPEG quality must be in 1..100; received --jpeg_quality={flags.jpeg_quality}.")
    if not flags.check and not flags.out:
        raise DataError("An output folder must be given; received no --out. Add --out=DIR, or --check to check only.")
