"""Images/s of the data pipeline, what limits it, and what one host must deliver to feed eight accelerators.

    python benchmarks/data_pipeline.py [--images=2000] [--resolution=128] [--step_images_per_s=1.0]

Makes a folder of JPEG files of ImageNet's usual size (500 x 375, quality 90) and prepared shards of the same pictures
(lossless, and JPEG 95), then reads each repeatedly: the raw bytes alone, decoded, cropped and resized, in batches.
Each stage contains those before it, so that the difference of two lines is a stage's own cost. The files are in the
page cache: a disk must deliver the MB/s that are printed. --step_images_per_s is the rate of the training step on
this machine (benchmarks/step.py).
"""

import argparse
import itertools
import os
import pathlib
import tempfile
import time

import numpy as np
import tensorflow as tf
from PIL import Image

from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.pipeline import training_batches
from sagan_tf.data.procedural.procedural import render
from sagan_tf.data.shards.index import ShardPlan
from sagan_tf.data.shards.preparation import prepare
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import Examples
from sagan_tf.data.transforms import Transform

ACCELERATORS = 8
BATCH = 64


def write_jpegs(folder: pathlib.Path, count: int) -> None:
    """Pictures with the detail of photographs, roughly: drawn ones under smooth noise. About 100 kB each."""
    rng = np.random.default_rng(0)
    for i in range(count):
        path = folder / f"class {i % 10}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        picture = Image.fromarray(render([i], resolution=500, seed=0)[0, :375])
        grain = Image.fromarray(rng.integers(0, 256, (188, 250, 3), dtype=np.uint8)).resize(picture.size)
        Image.blend(picture, grain, 0.35).save(path, quality=90)


def rate(dataset: tf.data.Dataset, per_element: int, seconds: float) -> float:
    """Images/s, after a second of warm-up."""
    rows = iter(dataset)
    warm = time.perf_counter()
    while time.perf_counter() - warm < 1:
        next(rows)
    start = time.perf_counter()
    for elements in itertools.count(1):
        next(rows)
        if (spent := time.perf_counter() - start) > seconds:
            return elements * per_element / spent


def raw_bytes(paths: list[str], shards: bool) -> tf.data.Dataset:
    if shards:
        return tf.data.TFRecordDataset(paths).repeat()
    return tf.data.Dataset.from_tensor_slices(paths).repeat().map(tf.io.read_file, num_parallel_calls=tf.data.AUTOTUNE)


def stages(examples: Examples, raw: tf.data.Dataset, resolution: int) -> dict[str, tuple[tf.data.Dataset, int]]:
    transform = Transform()
    decoded = examples.stream(seed=0)
    resized = decoded.map(
        lambda image, label: (transform.resized(image, resolution), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    batches = training_batches(
        examples, resolution=resolution, batch_size=BATCH, seed=0, transform=transform, cache_bytes=0
    )
    return {
        "read": (raw.batch(BATCH), BATCH),
        "decode": (decoded.prefetch(BATCH), 1),
        "resize": (resized.batch(BATCH).prefetch(2), BATCH),
        "batch, scale": (batches, BATCH),
    }


def measure(name: str, examples: Examples, paths: list[str], resolution: int, flags: argparse.Namespace) -> None:
    raw = raw_bytes(paths, shards=name.startswith("shards"))
    kilobytes = sum(os.path.getsize(path) for path in paths) / examples.n_examples / 1000
    print(f"\n{name}: {kilobytes:.1f} kB an image")
    times = {}
    for stage, (dataset, per_element) in stages(examples, raw, resolution).items():
        speed = rate(dataset, per_element, flags.seconds)
        times[stage] = 1e6 / speed
        print(f"  ... {stage:<14}{speed:>10,.0f} images/s {times[stage]:>8,.0f} us an image")
    costs = dict(zip(times, np.diff([0, *times.values()]), strict=True))
    per_core = speed / os.cpu_count()
    print(f"  limit: {max(costs, key=costs.get)}; {speed / flags.step_images_per_s:,.0f} times the training step")
    need = ACCELERATORS * flags.images_per_accelerator
    print(
        f"  {ACCELERATORS} accelerators at {flags.images_per_accelerator:,} images/s each: {need / per_core:,.0f} "
        f"such cores, {need * kilobytes / 1000:,.0f} MB/s from disk, {need * resolution**2 * 12 / 1e6:,.0f} MB/s of "
        f"float32 to the devices"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--step_images_per_s", type=float, default=1.0, help="images/s of the training step")
    parser.add_argument("--images_per_accelerator", type=int, default=1000, help="images/s of an accelerator")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        jpegs = pathlib.Path(scratch) / "jpegs"
        jpegs.mkdir()
        write_jpegs(jpegs, flags.images)
        folder = ImageFolder(path=str(jpegs)).open(flags.resolution)
        print(f"{os.cpu_count()} cores; {flags.images} images; to {flags.resolution} x {flags.resolution}")
        measure("JPEG folder", folder, [str(path) for path in jpegs.rglob("*.jpg")], flags.resolution, flags)
        for encoding, quality in (("png", 0), ("jpeg", 95)):
            out = pathlib.Path(scratch) / encoding
            plan = ShardPlan(
                source=folder.name,
                fingerprint=folder.fingerprint,
                class_names=folder.class_names,
                n_source=folder.n_examples,
                resolution=flags.resolution,
                method="biggan",
                encoding=encoding,
                quality=quality,
                per_shard=512,
            )
            prepare(folder, plan, out)
            shards = PreparedShards(path=str(out)).open(flags.resolution)
            paths = sorted(str(path) for path in out.glob("*.tfrecord"))
            measure(f"shards, {encoding} {quality or 'lossless'}", shards, paths, flags.resolution, flags)


if __name__ == "__main__":
    main()
