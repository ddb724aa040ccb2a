"""Seconds until the first image, from a run's directory, its SavedModel and its ONNX file, and how fast they draw
afterwards.

    python -m sagan_tf.export --run_dir=RUN --out=EXPORT
    python -m sagan_tf.export --run_dir=RUN --out=ONNX --format=onnx
    python benchmarks/cold_start.py --run_dir=RUN --saved_model=EXPORT/1 [--onnx=ONNX/1] [--rounds=3] [--json]

Each measurement is a separate process, and the kinds take turns; the median of the rounds is given. `import` is the
time to import TensorFlow (and sagan_tf) or ONNX Runtime; `first` from there to the first image on the host, loading and
compiling included; `warm` the fastest and `typical` the median of fifty more single images; `images_per_second` over
whole batches.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from rounds import serve

PREFIX = "measured: "
_ONES = 50


def measure(kind: str, path: str) -> dict[str, float]:
    """All figures of one kind, in this process."""
    start = time.perf_counter()
    draw, batch = KINDS[kind](path)
    imported = draw.imported
    draw(1)
    first = time.perf_counter()
    ones = [_timed(draw) for _ in range(_ONES)]
    draw(batch)  # compiles whole batches
    warm = time.perf_counter()
    count, rounds = 0, 0
    while rounds < 3 or time.perf_counter() - warm < 5:
        draw(batch)
        count, rounds = count + batch, rounds + 1
    end = time.perf_counter()
    return {
        "import": imported - start,
        "first": first - imported,
        "warm": min(ones),
        "typical": statistics.median(ones),
        "images_per_second": count / (end - warm),
    }


def _timed(draw: "Draw") -> float:
    start = time.perf_counter()
    draw(1)
    return time.perf_counter() - start


class Draw:
    """Draws so many images of the classes in turn, at truncation 1; `imported`: when the imports were done."""

    def __init__(self, imported: float, draw):
        self.imported = imported
        self._draw = draw

    def __call__(self, count: int) -> None:
        seeds = list(range(count))
        assert len(self._draw(seeds, [0] * count)) == count


def _live(path: str) -> tuple[Draw, int]:
    import sagan_tf
    import sagan_tf.runs.trained

    imported = time.perf_counter()
    model = sagan_tf.load(path, statistics="moving")
    return Draw(imported, lambda seeds, labels: model.images(labels, seeds=seeds, truncation=1.0)), _batch(
        model.spec.resolution
    )


def _saved(path: str) -> tuple[Draw, int]:
    import tensorflow as tf

    imported = time.perf_counter()
    generate = tf.saved_model.load(path).signatures["generate"]

    def draw(seeds, labels):
        inputs = {"seed": tf.constant(seeds, tf.int64), "label": tf.constant(labels, tf.int32)}
        return generate(truncation=tf.ones([len(seeds)]), **inputs)["images"].numpy()

    return Draw(imported, draw), _batch(generate.structured_outputs["images"].shape[1])


def _onnx(path: str) -> tuple[Draw, int]:
    import numpy as np
    import onnxruntime

    imported = time.perf_counter()
    session = onnxruntime.InferenceSession(f"{path}/model.onnx", providers=["CPUExecutionProvider"])
    width, side = session.get_inputs()[0].shape[1], session.get_outputs()[0].shape[1]

    def draw(seeds, labels):
        z = np.random.default_rng(0).standard_normal([len(seeds), width], np.float32)
        inputs = {"z": z, "label": np.asarray(labels, np.int32), "truncation": np.ones(len(seeds), np.float32)}
        return session.run(["images"], inputs)[0]

    return Draw(imported, draw), _batch(side)


KINDS = {"sagan_tf.load": _live, "SavedModel": _saved, "ONNX": _onnx}


def _batch(resolution: int) -> int:
    """The size of a forward pass, as sagan_tf/sampling/sampler.py has it."""
    return max(1, 64 * 64**2 // max(64, resolution) ** 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run_dir")
    parser.add_argument("--saved_model")
    parser.add_argument("--onnx")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=list(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--serve", choices=list(KINDS), help="one image a line, for compare.py; from --path")
    parser.add_argument("--path", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.serve:
        draw, _ = KINDS[flags.serve](flags.path)
        serve(lambda: draw(1), images=1)
        return
    given = {"sagan_tf.load": flags.run_dir, "SavedModel": flags.saved_model, "ONNX": flags.onnx}
    paths = {kind: path for kind, path in given.items() if path}
    if not paths:
        parser.error("give --run_dir, --saved_model or --onnx")
    if flags.one:
        print(PREFIX + json.dumps(measure(flags.one, paths[flags.one])))
        return
    rounds = {kind: [] for kind in paths}
    for _ in range(flags.rounds):
        for kind, found in rounds.items():
            output = subprocess.run([sys.executable, *sys.argv, f"--one={kind}"], check=True, capture_output=True)
            lines = output.stdout.decode().splitlines()
            found.append(json.loads(next(s for s in lines if s.startswith(PREFIX)).removeprefix(PREFIX)))
    medians = {k: {n: statistics.median(f[n] for f in found) for n in found[0]} for k, found in rounds.items()}
    if flags.json:
        print(json.dumps(medians, indent=1))
    else:
        for kind, values in medians.items():
            print(f"{kind:14}", "  ".join(f"{name} {value:.4g}" for name, value in values.items()))


if __name__ == "__main__":
    main()
