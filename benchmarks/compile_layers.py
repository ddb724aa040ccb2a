r"""Compiles parts of the networks for a TPU or GPU that need not be present, and compares algorithms.

    python benchmarks/compile_layers.py --target=v5e attention --sizes=64,4096,1024,8,32 --blocks=64x512,2x4096,chosen
    python benchmarks/compile_layers.py --target=v5e layer --map=64,64,64
    python benchmarks/compile_layers.py --target=v5e block

attention: softmax(query key^T) value alone, for numbers of images, queries and keys, and the lengths of keys and
  values, in blocks of a number of images and queries; `chosen` are those of layers/platform_algorithms.py.
layer: SAGAN's attention layer with its four convolutions, for a number of images, and the side and channels of their
  maps.
block: the last block of SAGAN-128's generator with the norm and the convolution after it, for 32 images.

All are in bfloat16, forward and backward. `layer` and `block` are compiled with all algorithms of the platform, and
then without each of those in layers/platform_algorithms.py that can be switched off and changes them.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from compilation import environment, targets
from compilation.compilations import compile_hlo

from sagan_tf import experiment
from sagan_tf.layers.blocked_attention import Blocks, choose_blocks, in_blocks
from sagan_tf.layers.platform_algorithms import ALGORITHMS
from sagan_tf.layers.self_attention import SelfAttention, attend
from sagan_tf.layers.target_platform import targeting
from sagan_tf.models.generator import Generator

SWITCHES = {"layer": ("joined_projections",), "block": ("upsampling_by_axes", "one_pass_moments")}
IMAGES = 32  # of `block`
Case = tuple[str, Callable, list[tf.TensorSpec]]  # its name, the function, and what it takes


def gradient_of(function: Callable, variables: list[tf.Variable]) -> Callable:
    """(inputs, gradient of the result) -> the result, and the gradients of inputs and variables."""

    def program(*tensors):
        *inputs, d_out = tensors
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            out = function(*inputs)
        return [out, *tape.gradient(out, [*inputs, *variables], d_out)]

    return program


def attention_cases(sizes: str, names: str, platform: str) -> Iterator[Case]:
    images, queries, keys, length, width = (int(n) for n in sizes.split(","))
    shapes = ([images, queries, length], [images, keys, length], [images, keys, width], [images, queries, width])
    for name in names.split(","):
        blocks = choose_blocks(images, queries, keys, ALGORITHMS[platform], always=True)
        if name != "chosen":
            group, length_of_block = (int(n) for n in name.split("x"))
            blocks = Blocks(None if group == images else group, length_of_block)
        parts = gradient_of(lambda *qkv, blocks=blocks: in_blocks(lambda *b: attend(*b)[0], *qkv, blocks), [])
        title = f"{blocks.images or images} images, {blocks.queries} queries"
        yield title, parts, [tf.TensorSpec(shape, tf.bfloat16) for shape in shapes]


def layer_cases(sizes: str, platform: str) -> Iterator[Case]:
    images, side, channels = (int(n) for n in sizes.split(","))
    layer = SelfAttention(dtype="mixed_bfloat16")
    layer(tf.zeros([2, side, side, channels], tf.bfloat16))
    run = gradient_of(lambda x: layer(tf.nn.relu(x), training=True), layer.trainable_variables)
    spec = tf.TensorSpec([images, side, side, channels], tf.bfloat16)
    yield from switched("layer", platform, run, [spec, spec])


def block_cases(platform: str) -> Iterator[Case]:
    settings = experiment.load(["gin/sagan_128.gin", "gin/hardware/tpu.gin"], []).value
    network = Generator(settings.sized(), numerics=settings.numerics, seed=None)
    block, norm, to_rgb = network.blocks[-1], network.final_norm, network.to_rgb
    labels = tf.zeros([IMAGES], tf.int32)

    def images(x):
        h = tf.nn.relu(norm(block(x, labels, training=True), training=True))
        return tf.tanh(tf.cast(to_rgb(h, training=True), tf.float32))

    variables = [v for part in (block, norm, to_rgb) for v in part.trainable_variables]
    x = tf.TensorSpec([IMAGES, 64, 64, settings.spec.generator_channels[-2]], tf.bfloat16)
    yield from switched("block", platform, gradient_of(images, variables), [x, tf.TensorSpec([IMAGES, 128, 128, 3])])


def switched(part: str, platform: str, program: Callable, specs: list[tf.TensorSpec]) -> Iterator[Case]:
    """The program with all algorithms, without each of them, and without any."""
    kept, switches = ALGORITHMS[platform], SWITCHES[part]
    sets = [(), *((name,) for name in switches), *([switches] if len(switches) > 1 else [])]
    try:
        for off in sets:
            ALGORITHMS[platform] = dataclasses.replace(kept, **dict.fromkeys(off, False))
            yield ("without " + ", ".join(off) if off else "all algorithms"), program, specs
    finally:
        ALGORITHMS[platform] = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="v5e")
    parts = parser.add_subparsers(dest="part", required=True)
    attention = parts.add_parser("attention")
    attention.add_argument("--sizes", default="64,4096,1024,8,32", help="images, queries, keys, and both lengths")
    attention.add_argument("--blocks", default="chosen", help="IMAGESxQUERIES or `chosen`, separated by commas")
    parts.add_parser("layer").add_argument("--map", default="64,64,64", help="images, side, channels")
    parts.add_parser("block")
    flags = parser.parse_args()
    target = targets.parse(flags.target)
    platform = target.chip.platform
    folder = environment.default_folder(platform)
    with targeting(platform), environment.alone(folder, say):
        python = environment.prepare(folder, platform, say)
        cases = {
            "attention": lambda: attention_cases(flags.sizes, flags.blocks, platform),
            "layer": lambda: layer_cases(flags.map, platform),
            "block": lambda: block_cases(platform),
        }[flags.part]()
        print(f"| {flags.part} on {target.name} | ms | temporaries, MB | without estimate |\n|---|---|---|---|")
        for name, function, specs in cases:
            program = tf.function(function, autograph=False, jit_compile=True)
            hlo = program.experimental_get_compiler_ir(*specs)(stage="hlo_serialized")
            print(row(name, compile_hlo(python, hlo, target)), flush=True)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def row(name: str, found: dict) -> str:
    if "memory" not in found:
        return f"| {name} | {found['refusal'].splitlines()[0]} | | |"
    program = found["program"]
    time = f"{program['milliseconds']:.2f}" if "milliseconds" in program else "-"
    return f"| {name} | {time} | {found['memory']['temp'] / 2**20:,.0f} | {program.get('without_estimate', '-')} |"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
