"""Attention alone, forward and backward: with the whole attention matrix, with Keras' layer, and in blocks of queries.

    python benchmarks/attention.py --out=benchmarks/attention.json

Maps of 64x64 and 128x128, keys and values pooled (the released code's form) and not (the paper's), of 64 channels: 8 of
queries and keys, 32 of values. Each method runs in a separate process; the methods of one size take turns (rounds.py).
Memory is what the calls add to the process's peak.
"""

import argparse
import json
import resource
import sys
from pathlib import Path

import tensorflow as tf
from rounds import Program, interleave, serve

from sagan_tf.layers.blocked_attention import choose_blocks, in_blocks
from sagan_tf.layers.platform_algorithms import platform_algorithms
from sagan_tf.layers.self_attention import attend


def plain(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    return attend(query, key, value)[0]


def blocked(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    blocks = choose_blocks(*query.shape[:2], key.shape[1], platform_algorithms(), always=True)
    return in_blocks(plain, query, key, value, blocks)


def keras(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Keras 3 alone has it."""
    one_head = (x[:, :, None, :] for x in (query, key, value))
    return tf.keras.ops.dot_product_attention(*one_head, scale=1.0)[:, :, 0]


WAYS = {"plain": plain, "keras": keras, "blocked": blocked}


def time_one(way: str, side: int, pooled: bool, batch: int, xla: bool) -> None:
    """The timed program."""
    queries = side * side
    keys = queries // 4 if pooled else queries
    shapes = ([batch, queries, 8], [batch, keys, 8], [batch, keys, 32])
    inputs = [tf.random.stateless_normal(shape, [1, i]) for i, shape in enumerate(shapes)]

    @tf.function(jit_compile=xla)
    def both_passes(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            out = WAYS[way](*inputs)
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(out, inputs, out)]

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    serve(lambda: [value.numpy() for value in both_passes(*inputs)], way=way, before_mb=before)


def measure(side: int, pooled: bool, flags: argparse.Namespace) -> list[dict]:
    ways = [way for way in WAYS if way != "keras" or hasattr(tf.keras, "ops")]
    case = [f"--side={side}", *(["--pooled"] if pooled else []), f"--batch={flags.batch}"]
    case += ["--xla"] if flags.xla else []
    programs = [Program(way, [sys.executable, __file__, f"--way={way}", *case]) for way in ways]
    results = interleave(programs, rounds=flags.rounds, quiet=flags.quiet, say=lambda s: print(s, file=sys.stderr))
    return [{"side": side, "pooled": pooled, "added_mb": r["peak_mb"] - r.get("before_mb", 0), **r} for r in results]


def table(rows: list[dict]) -> str:
    lines = ["| map | pooled | way | s min | s median | added peak MB |", "|---|---|---|---|---|---|"]
    for row in rows:
        times = [f"{row[k]:.3f}" if row[k] else "-" for k in ("seconds_min", "seconds_median")]
        pooled = "yes" if row["pooled"] else "no"
        lines.append(f"| {row['side']} | {pooled} | {row['name']} | {' | '.join(times)} | {row['added_mb']:,} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quiet", type=float, default=0.05, help="share of the machine that others may use in a round")
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--way", choices=list(WAYS), help="the timed program itself")
    parser.add_argument("--side", type=int)
    parser.add_argument("--pooled", action="store_true")
    flags = parser.parse_args()
    if flags.way:
        time_one(flags.way, flags.side, flags.pooled, flags.batch, flags.xla)
        return
    rows = [row for side in (64, 128) for pooled in (True, False) for row in measure(side, pooled, flags)]
    if flags.out:
        flags.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
