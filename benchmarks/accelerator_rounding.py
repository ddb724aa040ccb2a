"""How the accelerators' attention and bfloat16 change the numbers: errors on a trained run, and a comparison of runs.

    python benchmarks/accelerator_rounding.py errors --run=RUN
    python benchmarks/accelerator_rounding.py training --out=FOLDER [--steps=300]

A TPU's matrix unit rounds the operands of a float32 product to bfloat16 and sums in float32. It is emulated on the CPU:
attention goes through the images in groups as on accelerators, and the operands of its products, forward and backward,
are rounded. `errors` compares that with plain float32 attention on the activations of a trained run. `training` trains
the quickstart three times for as many steps: in float32 with the CPU's algorithms, in bfloat16 with the accelerators'
and the rounding, from the same initial weights; and in float32 with another seed, which shows how much runs differ by
chance.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.layers import self_attention
from sagan_tf.layers.blocked_attention import Blocks, in_blocks
from sagan_tf.layers.target_platform import targeting

HERE = Path(__file__).parent
IMAGES = 2  # in a group
# Name: options of this script's `train`, and bindings beside the quickstart's.
ARMS = {
    "float32": ([], []),
    "accelerator": (["--rounded"], ["Numerics.precision='bfloat16'"]),
    "float32, another seed": ([], ["train.seed=1"]),
}
LOGGED = ("d_loss", "g_loss")


@tf.custom_gradient
def rounded_product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The product of float32 matrices as on a TPU: operands rounded to bfloat16, forward and backward; float32 sums."""
    a, b = rounded(a), rounded(b)

    def gradients(d_out):
        d_out = rounded(d_out)
        return tf.matmul(d_out, b, transpose_b=True), tf.matmul(a, d_out, transpose_a=True)

    return tf.matmul(a, b), gradients


def rounded(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)


def rounded_attend(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`attend` of layers/self_attention.py, with rounded products."""
    scores = rounded_product(tf.cast(query, tf.float32), tf.linalg.matrix_transpose(tf.cast(key, tf.float32)))
    beta = tf.nn.softmax(scores)
    return tf.cast(rounded_product(beta, tf.cast(value, tf.float32)), value.dtype), beta


def groups(batch: int | None, queries: int, *_args, **_options) -> Blocks | None:
    """The blocks of accelerators, which divide large maps alone, for maps of any size."""
    return None if batch is None or batch % IMAGES else Blocks(IMAGES, queries)


def errors_on(run: str, images: int) -> list[tuple[str, float, float, float]]:
    """Name of the tensor, its root mean square, and the root mean square and largest error, of each attention layer."""
    from sagan_tf.runs.restored import restored_discriminator
    from sagan_tf.runs.run_directory import RunDirectory
    from sagan_tf.runs.trained import TrainedModel
    from sagan_tf.sampling.attention_maps import attention_layers

    model, seen = TrainedModel(run), {}
    discriminator, step = restored_discriminator(RunDirectory(run))
    for name, network in (("G", model.generator), ("D", discriminator)):
        for side, layer in attention_layers(network).items():
            layer.observer = lambda x, name=f"{name} {side}", layer=layer: seen.__setitem__(name, (layer, x))
    classes = tf.range(images) % len(model.class_names)
    z = tf.random.stateless_normal([images, model.spec.z_dim], [0, 0])
    discriminator(model.generator(z, classes, training=False), classes, training=False)
    print(f"{run}, step {step}, {images} images")
    return [
        (f"{name}: {kind}", float(np.sqrt(np.mean(exact**2))), float(np.sqrt(np.mean(error**2))), np.abs(error).max())
        for name, (layer, x) in seen.items()
        for kind, exact, error in compared(layer, x)
    ]


def compared(layer, x: tf.Tensor):
    """(tensor, its values, their errors) for the output and the gradients of one layer's attention."""
    inputs = [tf.cast(part, tf.float32) for part in layer._query_key_value(x, training=False)]
    d_out = tf.random.stateless_normal([*inputs[0].shape[:2], inputs[2].shape[-1]], [1, 2])
    results = []
    for attend, blocks in ((self_attention.attend, None), (rounded_attend, Blocks(IMAGES, inputs[0].shape[1]))):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            only = lambda *parts, attend=attend: attend(*parts)[0]  # noqa: E731
            out = in_blocks(only, *inputs, blocks) if blocks else only(*inputs)
        results.append([out, *tape.gradient(out, inputs, d_out)])
    names = ("output", "gradient of queries", "gradient of keys", "gradient of values")
    for name, exact, found in zip(names, *results, strict=True):
        yield name, exact.numpy(), found.numpy() - exact.numpy()


def train(flags: argparse.Namespace, arguments: list[str]) -> int:
    """One arm's training, in a process of its own."""
    from sagan_tf import train as verb

    if not flags.rounded:
        return verb.main(arguments)
    self_attention.attend, self_attention.choose_blocks = rounded_attend, groups
    with targeting("tpu"):
        return verb.main(arguments)


def side_by_side(out: Path, steps: int) -> dict[str, dict]:
    """Trains the arms that `out` does not hold, and returns their curves and last metrics."""
    bindings = (
        f"train.total_steps={steps}", f"train.checkpoint_every={steps}", "train.log_every=5", "train.sample_every=0",
        f"train.evaluate_every={steps}", "EvaluationOptions.extractor='dataset'", "EvaluationOptions.n_samples=1000",
        "EvaluationOptions.metrics=('fid','pr','class_accuracy')", "EvaluationOptions.allow_few_samples=True",
    )  # fmt: skip
    found = {}
    for name, (options, own) in ARMS.items():
        run = out / name.replace(", ", "-").replace(" ", "-")
        command = [
            sys.executable,
            str(Path(__file__)),
            "train",
            *options,
            f"--gin_file={HERE.parent}/gin/quickstart.gin",
        ]
        subprocess.run([*command, *(f"--gin_bindings={b}" for b in (*bindings, *own)), f"--run_dir={run}"], check=True)
        logs = [json.loads(line) for line in (run / "train.jsonl").read_text(encoding="utf-8").splitlines()]
        metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        found[name] = {"logs": [line for line in logs if "d_loss" in line], "metrics": metrics[-1]}
    return found


def table(found: dict[str, dict], parts: int = 6) -> str:
    """Losses as means over each of some equal parts of the training, then the metrics at its end."""
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    steps = [line["step"] for line in next(iter(found.values()))["logs"]]
    for name in LOGGED:
        curves = [np.array([line[name] for line in arm["logs"]]) for arm in found.values()]
        for part in np.array_split(np.arange(len(steps)), parts):
            row = " | ".join(f"{curve[part].mean():.3f}" for curve in curves)
            lines.append(f"| {name}, steps {steps[part[0]]} to {steps[part[-1]]} | {row} |")
    for name in ("fid", "precision", "recall", "class_accuracy"):
        if name in next(iter(found.values()))["metrics"]:
            lines.append(f"| {name} | " + " | ".join(f"{arm['metrics'][name]:.3g}" for arm in found.values()) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    errors = verbs.add_parser("errors", help="of attention, on a trained run's activations")
    errors.add_argument("--run", required=True)
    errors.add_argument("--images", type=int, default=32)
    training = verbs.add_parser("training", help="of the quickstart, side by side")
    training.add_argument("--out", type=Path, required=True, help="where the runs are kept")
    training.add_argument("--steps", type=int, default=300)
    verbs.add_parser("train", help="one of these runs").add_argument("--rounded", action="store_true")
    flags, rest = parser.parse_known_args()
    if flags.verb == "train":
        return train(flags, rest)
    if rest:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if flags.verb == "training":
        print(table(side_by_side(flags.out, flags.steps)))
        return 0
    print("| tensor | rms | rms of the error | largest error | relative |\n|---|---|---|---|---|")
    for name, size, error, worst in errors_on(flags.run, flags.images):
        print(f"| {name} | {size:.3g} | {error:.2g} | {worst:.2g} | {error / size:.2%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
