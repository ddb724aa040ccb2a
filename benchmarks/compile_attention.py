"""Compiles attention alone, forward and backward, for a TPU or GPU that need not be there, block by block.

    python benchmarks/compile_attention.py --target=v5e --shape=64,4096,1024,8,32 --blocks=all,512 --blocks=2,4096

shape: images, queries, keys, and the lengths of keys and values. blocks: the images ("all" for the whole batch, as on
the CPU) and the queries of a block; without any, the blocks that the layer chooses on that platform. Prints the
compiler's estimate of milliseconds (TPUs only) and the memory of temporaries. Nothing is run; accelerators.md has what
it said.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf
from compilation import environment, targets
from compilation.compilations import compile_hlo

from sagan_tf.layers.blocked_attention import Blocks, choose_blocks, in_blocks
from sagan_tf.layers.platform_algorithms import ALGORITHMS
from sagan_tf.layers.self_attention import attend


def blocks_of(text: str) -> Blocks:
    images, queries = text.split(",")
    return Blocks(None if images == "all" else int(images), int(queries))


def program(shape: list[int], blocks: Blocks) -> bytes:
    """The output of attention in bfloat16 and its gradients, as HLO."""
    batch, queries, keys, width, values = shape
    sizes = ([batch, queries, width], [batch, keys, width], [batch, keys, values], [batch, queries, values])

    @tf.function(autograph=False, jit_compile=True)
    def both_passes(query, key, value, d_out):
        with tf.GradientTape() as tape:
            tape.watch([query, key, value])
            out = in_blocks(lambda *inputs: attend(*inputs)[0], query, key, value, blocks)
        return (out, *tape.gradient(out, [query, key, value], d_out))

    inputs = [tf.TensorSpec(size, tf.bfloat16) for size in sizes]
    return both_passes.experimental_get_compiler_ir(*inputs)(stage="hlo_serialized")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="v5e")
    parser.add_argument("--shape", default="64,4096,1024,8,32")
    parser.add_argument("--blocks", action="append", type=blocks_of)
    flags = parser.parse_args()
    target, shape = targets.parse(flags.target), [int(n) for n in flags.shape.split(",")]
    platform = target.chip.platform
    chosen = choose_blocks(*shape[:3], ALGORITHMS[platform], always=True)
    folder = environment.default_folder(platform)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with environment.alone(folder, say):
        python = environment.prepare(folder, platform, say)
        for blocks in flags.blocks or [chosen]:
            found = compile_hlo(python, program(shape, blocks), target)
            estimate = found["program"].get("milliseconds") if found["fits"] else None
            time = "no estimate" if estimate is None else f"{estimate:.2f} ms"
            print(f"{blocks}: {time}, temporaries {found['memory']['temp'] / 2**20:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
