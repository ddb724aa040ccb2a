"""`train --dry_run`: does everything that a run does once, in a scratch folder, and reports what the whole run will
take.

Builds the state, runs two steps (the first compiles), draws one sheet of samples, passes one batch through the
extractor of the evaluation, and writes one checkpoint.
"""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.data.source import Examples
from sagan_tf.evaluation.activations import BatchedExtractor
from sagan_tf.evaluation.dataset_classifier import ClassifierBudget, DatasetClassifier, train_classifier
from sagan_tf.evaluation.extractor_choice import choose_extractor, extractor_traits
from sagan_tf.evaluation.features import Extractor
from sagan_tf.evaluation.rotations import TURNS
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.pixels import normalized
from sagan_tf.runs import build
from sagan_tf.runs.origin import Origin
from sagan_tf.runs.trained import sampler_of
from sagan_tf.runs.transfer import take
from sagan_tf.training.checkpoints import CheckpointStore

SHEET = 100


@dataclass(frozen=True, kw_only=True)
class DryRunResult:
    """Seconds of each part, bytes of one checkpoint, and the peak memory in bytes of the process and of each GPU.

    evaluation: seconds of drawing and measuring one image; None if the run isn't evaluated.
    taken: what this run takes from the networks of another run, in lines; empty without `--init_from`.
    """

    build: float
    first_step: float
    step: float
    sheet: float
    checkpoint: float
    checkpoint_bytes: int
    evaluation: float | None
    peaks: dict[str, int]
    taken: Sequence[str] = ()


def try_run(
    settings: Experiment,
    examples: Examples,
    strategy: tf.distribute.Strategy,
    *,
    evaluates: bool = False,
    origin: Origin | None = None,
) -> DryRunResult:
    """Runs each part once, in a scratch folder that is removed. origin: the networks from which the run would start."""
    n_classes = len(examples.class_names)
    gan, building = timed(lambda: build.build_state(settings, n_classes, strategy))
    taken = take(gan, origin, examples.class_names).summary(most=None) if origin else ()
    batches = iter(build.distributed_batches(settings, examples, 0, strategy))
    steps = build.build_steps(settings, gan, n_classes, strategy)
    one_step = lambda: float(steps(batches, tf.constant(1))["d_loss"])  # noqa: E731
    (_, first), (_, second) = timed(one_step), timed(one_step)
    sampler = sampler_of(gan.generator, n_classes=n_classes, latent=settings.latent)
    labels = np.arange(SHEET) % n_classes
    sampler.images(labels[:1])  # compiles
    images, sheet = timed(lambda: sampler.images(labels))
    evaluation = seconds_per_image(settings, examples, images, labels) + sheet / SHEET if evaluates else None
    with tempfile.TemporaryDirectory() as scratch:
        path, checkpoint = timed(lambda: CheckpointStore(Path(scratch)).save(gan.variables(), 2))
        size = sum(file.stat().st_size for file in path.rglob("*"))
    return DryRunResult(
        build=building,
        first_step=first,
        step=second,
        sheet=sheet,
        checkpoint=checkpoint,
        checkpoint_bytes=size,
        evaluation=evaluation,
        peaks=peaks(),
        taken=taken,
    )


def timed(call: Callable) -> tuple:
    """The result of the call, and the seconds that it took."""
    start = time.perf_counter()
    value = call()
    return value, time.perf_counter() - start


def seconds_per_image(settings: Experiment, examples: Examples, images: np.ndarray, labels: np.ndarray) -> float:
    """Seconds per image of the evaluation's extractor, on a batch that it has already processed once."""
    options = settings.evaluation
    count = min(options.batch_size, len(images))
    passes = BatchedExtractor(extractor(settings, examples, images, labels), batch_size=count)
    batch = normalized(images[:count].astype(np.float32))
    passes(batch)
    return timed(lambda: passes(batch))[1] / count


def extractor(settings: Experiment, examples: Examples, images: np.ndarray, labels: np.ndarray) -> Extractor:
    """The evaluation's extractor; the data set's classifier is replaced by an untrained one, which is as fast."""
    options, side = settings.evaluation, settings.spec.resolution
    traits = extractor_traits(options.extractor, examples, inception_location=options.inception_location)
    if not traits.name.startswith("dataset-"):
        return choose_extractor(options.extractor, examples=examples, resolution=side, transform=settings.transform,
                                inception_location=options.inception_location)  # fmt: skip
    small = images[:, : min(side, 64), : min(side, 64)]
    budget = ClassifierBudget(steps=1, batch_size=8)
    labels, n_classes = (labels, traits.n_logits) if traits.classifies else (labels % TURNS, TURNS)
    arrays = train_classifier(small, labels, n_classes=n_classes, budget=budget, progress=False)
    return DatasetClassifier(arrays, examples=examples, resolution=side)


def peaks() -> dict[str, int]:
    """The peak memory in bytes of this process, where the system counts it (not on Windows), and of each GPU."""
    found = {}
    with contextlib.suppress(ImportError):
        import resource  # POSIX only

        unit = 1 if sys.platform == "darwin" else 1024
        found["process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    for device in tf.config.list_logical_devices("GPU"):
        found[device.name] = tf.config.experimental.get_memory_info(device.name)["peak"]
    return found


def report(tried: DryRunResult, settings: Experiment, run_dir: Path) -> str:
    """What was tried, and the whole run's time, disk and memory."""
    seconds = whole_run(tried, settings)
    total = sum(seconds.values())
    count = settings.evaluation.n_samples if settings.evaluation else 0
    measured = "none" if tried.evaluation is None else f"{tried.evaluation * count:8.1f} s   {count:,} images"
    shares = ", ".join(f"{name} {100 * value / total:.1f}%" for name, value in seconds.items())
    disk = tried.checkpoint_bytes * most_checkpoints(tried, settings)
    free = shutil.disk_usage(next(p for p in (run_dir.absolute(), *run_dir.absolute().parents) if p.exists())).free
    lines = [
        f"Dry run of {settings.total_steps:,} steps at batch {settings.batch_size}; nothing is kept.",
        *tried.taken,
        f"  build         {tried.build:8.1f} s",
        f"  first step    {tried.first_step:8.1f} s   compiles",
        f"  step          {tried.step:8.3f} s   {settings.batch_size / tried.step:.2f} images/s",
        f"  {SHEET} samples   {tried.sheet:8.1f} s",
        f"  evaluation    {measured}",
        f"  checkpoint    {tried.checkpoint:8.1f} s   {megabytes(tried.checkpoint_bytes)}",
        f"The whole run takes about {duration(total)}: {shares}.",
        f"Its checkpoints take up to {megabytes(disk)}; {megabytes(free)} are free at {run_dir}.",
        *(f"Peak memory of {name}: {megabytes(peak)}" for name, peak in tried.peaks.items()),
    ]
    if disk > free:
        lines.append(f"That does not fit: make {megabytes(disk - free)} room, or lower train.keep_checkpoints.")
    return "\n".join(lines)


def most_checkpoints(tried: DryRunResult, settings: Experiment) -> int:
    """How many checkpoints of the run are on the disk at most: the one that is written, and those kept apart, too."""
    best = bool(settings.evaluate_every) and tried.evaluation is not None
    before_collapse = bool(settings.monitoring.every) and settings.monitoring.collapse != "off"
    return settings.keep_checkpoints + 1 + best + before_collapse


def whole_run(tried: DryRunResult, settings: Experiment) -> dict[str, float]:
    """The seconds that each part of the whole run takes."""

    def times(every: int) -> int:
        return -(-settings.total_steps // every) if every else 0

    evaluations = 1 + max(1, times(settings.evaluate_every))  # one of the untrained generator
    images = evaluations * (settings.evaluation.n_samples if settings.evaluation else 0)
    return {
        "steps": tried.build + tried.first_step + (settings.total_steps - 1) * tried.step,
        "sheets": times(settings.sample_every) * tried.sheet,
        "checkpoints": max(1, times(settings.checkpoint_every)) * tried.checkpoint,
        "evaluation": images * (tried.evaluation or 0.0),
    }


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def duration(seconds: float) -> str:
    """A duration in its two largest units, such as "2 d 5 h"."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))

    def largest_of(seconds: float) -> int:
        return next((i for i, (_, size) in enumerate(units) if seconds >= size), 3)

    smaller = units[min(largest_of(seconds) + 1, 3)][1]
    rest = round(seconds / smaller) * smaller
    parts, largest = [], largest_of(rest)  # rounding may have filled the larger unit
    for name, size in units[largest : largest + 2]:
        parts.append(f"{int(rest // size)} {name}")
        rest %= size
    return " ".join(parts)
