"""Seconds and peak memory of FID between two sets of random features, each method in a separate process.

    python benchmarks/frechet.py [--images=50000] [--features=2048] [--ways=streaming,scipy,tfgan,intra]

streaming: this package: moments accumulated batch by batch, Cholesky factor and eigenvalues. scipy: all features held,
numpy's covariance, scipy's sqrtm of the product. tfgan: TF-GAN's function on all features. The time to draw the
features is measured apart and left out. intra: intra-FID of 1,000 classes, a class after the other, of 1,300 real
images each against images/1000 generated ones.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

BATCH = 1000
COMPARED = {"images": 10_000, "features": 2048}  # of a side, in compare.py
CLASSES, REAL_PER_CLASS = 1000, 1300


def batches(seed: int, images: int, features: int) -> Iterator[np.ndarray]:
    """Correlated features with a decaying spectrum, float32, as a network would give them."""
    scale = 1 / np.sqrt(1 + np.arange(features))
    for number in range(images // BATCH):
        rng = np.random.default_rng([seed, number])
        draws = rng.standard_normal((BATCH, features), dtype=np.float32) * scale.astype(np.float32)
        yield np.abs(draws + np.roll(draws, 1 + seed, axis=1))


def by_streaming(images: int, features: int) -> float:
    from sagan_tf.evaluation.metrics.fid import frechet_distance
    from sagan_tf.evaluation.moments import StreamingMoments

    sides = []
    for seed in (0, 1):
        moments = StreamingMoments(features)
        for batch in batches(seed, images, features):
            moments.add(batch)
        sides.append(moments.result())
    return frechet_distance(*sides)


def by_scipy(images: int, features: int) -> float:
    from scipy import linalg

    sides = [np.concatenate(list(batches(seed, images, features))) for seed in (0, 1)]
    (mean_1, mean_2), (cov_1, cov_2) = [s.mean(0, dtype=np.float64) for s in sides], [np.cov(s.T) for s in sides]
    root = linalg.sqrtm(cov_1 @ cov_2).real
    return float(((mean_1 - mean_2) ** 2).sum() + np.trace(cov_1 + cov_2 - 2 * root))


def by_tfgan(images: int, features: int) -> float:
    from sagan_tf.evaluation import tfgan

    return tfgan.frechet_distance(*(np.concatenate(list(batches(seed, images, features))) for seed in (0, 1)))


WAYS = {"streaming": by_streaming, "scipy": by_scipy, "tfgan": by_tfgan}


def timed(way: str, images: int, features: int) -> tuple[float, float]:
    """The distance, and its seconds without those of drawing the features."""
    start = time.perf_counter()
    for seed in (0, 1):
        for _ in batches(seed, images, features):
            pass
    drawing = time.perf_counter() - start
    start = time.perf_counter()
    value = WAYS[way](images, features)
    return value, time.perf_counter() - start - drawing


def timed_intra(images: int, features: int) -> tuple[float, float]:
    """The mean over 1,000 classes, and the seconds of the distances alone."""
    from sagan_tf.evaluation.metrics.fid import frechet_distance_of_features

    per_class = images // CLASSES
    seconds, total = 0.0, 0.0
    for label in range(CLASSES):
        rng = np.random.default_rng(label)
        real = rng.standard_normal((REAL_PER_CLASS, features), dtype=np.float32)
        generated = rng.standard_normal((per_class, features), dtype=np.float32)
        start = time.perf_counter()
        total += frechet_distance_of_features(real, generated)
        seconds += time.perf_counter() - start
    return total / CLASSES, seconds


def measure(way: str, images: int, features: int) -> None:
    value, seconds = timed_intra(images, features) if way == "intra" else timed(way, images, features)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{way:<10} FID {value:.6f}   {seconds:7.1f} s   peak memory {peak:7.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--ways", default=",".join([*WAYS, "intra"]))
    parser.add_argument("--here", action="store_true", help="measure a single method in this process")
    flags = parser.parse_args()
    for way in flags.ways.split(","):
        if flags.here:
            measure(way, flags.images, flags.features)
        else:
            command = [
                sys.executable,
                __file__,
                f"--images={flags.images}",
                f"--features={flags.features}",
                f"--ways={way}",
                "--here",
            ]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
