"""`python -m sagan_tf.export`: a run's generator as a SavedModel for TensorFlow alone, or as ONNX.

The signatures, their inputs and outputs are in sagan_tf/interop/saved_model.py; how to serve them in launch/serve.md.
"""

import argparse
from collections.abc import Sequence

from sagan_tf.foundation.comma_lists import comma_list, number
from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.option_names import THRESHOLDS
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The flags of a command line."""
    parser = Parser(
        prog="python -m sagan_tf.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared.add_run_dir(parser)
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="the export is written to DIR/1, or to the next free number"
    )
    parser.add_argument(
        "--format", choices=["saved_model", "onnx"], default="saved_model",
        help="saved_model by default; onnx needs the packages of '.[onnx]'",
    )  # fmt: skip
    shared.add_checkpoint(parser)
    shared.add_statistics(parser, choices=("moving", "standing", "published"))
    parser.add_argument(
        "--truncations", type=comma_list(_threshold, "thresholds in (0, 2]"), metavar="T1,T2,...",
        help=f"thresholds of standing statistics, in (0, 2]; {','.join(map(str, sorted(THRESHOLDS)))} by default",
    )  # fmt: skip
    shared.add_truncation_mode(parser)
    parser.add_argument(
        "--standing_passes", type=int, default=100, metavar="N", help="forward passes per threshold; 100 by default"
    )
    return parser.parse_args(arguments)


def _threshold(text: str) -> float:
    value = number(text)
    if not 0 < value <= 2:
        raise ValueError(text)
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports the generator, prints where it is, and returns the exit code."""
    flags = parse(arguments)

    def work() -> None:
        from sagan_tf.runs.export import export  # here, since flags are answered before TensorFlow is imported

        with sigterm_as_keyboard_interrupt():
            print(export(flags))

    return answered(work, interrupted="interrupted: nothing was exported. Repeat the command.")


if __name__ == "__main__":
    start(main)
