"""`python -m sagan_tf.sample`: images from a run's directory, as a sheet, as single files, or as one .npz."""

import argparse
from collections.abc import Sequence

from sagan_tf.foundation import files
from sagan_tf.foundation.comma_lists import comma_list, seed
from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared

_NUM = 80


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The flags of a command line."""
    parser = Parser(prog="python -m sagan_tf.sample", description=__doc__)
    shared.add_run_dir(parser)
    parser.add_argument("--num", type=int, help=f"total number of images; the classes take turns; {_NUM} by default")
    parser.add_argument("--classes", help=shared.CLASSES_HELP + "; all by default")
    shared.add_seed(parser)
    parser.add_argument(
        "--seeds",
        type=comma_list(seed, "64-bit integers"),
        metavar="S0,...",
        help="one seed per image, instead of --seed and --num",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--out", help="a .png file for a sheet, or a folder for single files")
    target.add_argument("--npz", metavar="FILE", help="arr_0 uint8 (N,H,W,3) and labels")
    shared.add_checkpoint(parser)
    shared.add_truncation(parser)
    shared.add_truncation_mode(parser)
    shared.add_statistics(parser)
    parser.add_argument(
        "--strategy", default="auto", help="devices that share the work, by the names of `train`; auto by default"
    )
    flags = parser.parse_args(arguments)
    if flags.seeds and (flags.num is not None or flags.seed):
        parser.error(
            "--seeds must not be combined with --num and --seed, since it gives each image its seed; received both"
        )
    if flags.truncation_mode and flags.truncation is None:
        parser.error(
            f"--truncation_mode must be used with --truncation; received --truncation_mode={flags.truncation_mode} "
            "without it"
        )
    flags.num = _NUM if flags.num is None else flags.num
    if flags.num < 1:
        parser.error(f"--num must be at least 1; received --num={flags.num}")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws images and prints where they are; the exit code."""
    flags = parse(arguments)

    def work() -> None:
        from sagan_tf.runs.sampling import sample  # here, since flags are answered before TensorFlow is imported

        with sigterm_as_keyboard_interrupt():
            print(sample(flags))

    place = flags.npz or flags.out or flags.run_dir
    interrupted = "interrupted: the files that were written are kept. Repeat the command to resume."
    return answered(work, interrupted=interrupted, explain=lambda error: files.explain(error, place))


if __name__ == "__main__":
    start(main)
