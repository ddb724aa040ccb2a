"""What attention loses when its products round their operands to bfloat16, as a TPU's matrix unit does.

    python benchmarks/attention_rounding.py --out=FOLDER [--steps=300]

Two trainings of the quickstart with the same seeds and bfloat16 activations: one with the CPU's attention, whose
products are float32's, and one with the TPU's algorithms (groups of images), in which every product of attention,
forward and backward, rounds its operands to bfloat16 and sums in float32. The softmax is float32 in both. Prints the
logs of both side by side, and the error of attention's output and gradients on the activations of the first run.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import tensorflow as tf

import sagan_tf
from sagan_tf import experiment
from sagan_tf.layers import platform_algorithms, self_attention
from sagan_tf.layers.target_platform import targeting

GIN = Path(__file__).parent.parent / "gin" / "quickstart.gin"
EXACT = self_attention.attend


def rounded(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)


@tf.custom_gradient
def product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """a b^T of operands rounded to bfloat16, summed in float32; so are the products of its gradient."""
    a, b = rounded(a), rounded(b)

    def gradient(d_out):
        d_out = rounded(d_out)
        return tf.matmul(d_out, b), tf.matmul(d_out, a, transpose_a=True)

    return tf.matmul(a, b, transpose_b=True), gradient


def attend_rounded(query, key, value):
    beta = tf.nn.softmax(product(tf.cast(query, tf.float32), tf.cast(key, tf.float32)))
    out = product(beta, tf.linalg.matrix_transpose(tf.cast(value, tf.float32)))
    return tf.cast(out, value.dtype), beta


def train(folder: Path, steps: int, attend, platform: str) -> list[dict]:
    """The logs of a training with this attention."""
    bindings = ['Numerics.precision = "bfloat16"', "train.evaluation = None"]
    settings = experiment.load([str(GIN)], bindings).value
    self_attention.attend = attend
    logs = []
    with targeting(platform):
        sagan_tf.fit(settings, folder, steps=steps, callbacks=[lambda step, at: logs.append({"step": step, **at})])
    self_attention.attend = EXACT
    return logs


def errors(folder: Path) -> dict[str, float]:
    """The relative RMS errors of attention's output and gradients on a trained G's activations."""
    model = sagan_tf.load(folder)
    layer = next(x for x in model.generator.long_range if x is not None)
    seen = []
    layer.observer = seen.append
    model.images([0] * 64, seed=0)
    layer.observer = None
    inputs = [tf.cast(tf.cast(x, tf.bfloat16), tf.float32) for x in layer._query_key_value(seen[0], training=False)]
    d_out = tf.random.stateless_normal(inputs[0].shape[:2] + inputs[2].shape[2:], [0, 1])

    def results(attend):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            out = attend(*inputs)[0]
        return [out, *tape.gradient(out, inputs, d_out)]

    names = ("out", "d_query", "d_key", "d_value")
    pairs = zip(names, results(attend_rounded), results(EXACT), strict=True)
    return {name: float(tf.norm(a - b) / tf.norm(b)) for name, a, b in pairs}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=300)
    flags = parser.parse_args()
    tpu = dataclasses.replace(platform_algorithms.ALGORITHMS["tpu"], block_scores=2**18)
    platform_algorithms.ALGORITHMS["tpu"] = tpu  # 16 images of 16x16 in a group
    exact = train(flags.out / "float32", flags.steps, EXACT, "cpu")
    coarse = train(flags.out / "rounded", flags.steps, attend_rounded, "tpu")
    for a, b in zip(exact, coarse, strict=True):
        shared = [n for n in ("d_loss", "g_loss", "logits_real", "logits_fake") if n in a]
        print(a["step"], *(f"{n} {a[n]:.3f} {b[n]:.3f}" for n in shared))
    print(json.dumps(errors(flags.out / "float32")))


if __name__ == "__main__":
    main()
