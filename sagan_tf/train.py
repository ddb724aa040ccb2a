"""`python -m sagan_tf.train`: trains the run that a gin file describes, or resumes it.

Flags say where the run is stored and how long it lasts; gin files say what is trained. To resume, repeat the command.
"""

import argparse
from collections.abc import Sequence
from typing import get_args

from sagan_tf.foundation import files
from sagan_tf.foundation.comma_lists import comma_list
from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.option_names import StrategyName
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.foundation.start_up import StartUp
from sagan_tf.runs import flags as shared


def class_map(text: str) -> dict[str, str]:
    """The pairs of a list such as "NEW=OLD,NEW=OLD"."""
    parse_entries = comma_list(str, "pairs NEW=OLD")
    pairs = [tuple(word.strip() for word in entry.partition("=")[::2]) for entry in parse_entries(text)]
    if not all(new and old for new, old in pairs) or len(dict(pairs)) < len(pairs):
        raise argparse.ArgumentTypeError(f"must be pairs NEW=OLD of different new classes; received {text!r}")
    return dict(pairs)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The flags of a command line."""
    parser = Parser(
        prog="python -m sagan_tf.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared.add_configuration(parser)
    parser.add_argument("--run_dir", required=True, metavar="RUN", help="a new or empty folder, or the run to resume")
    parser.add_argument("--stop_after", type=int, metavar="N", help="train N more steps, save, and end")
    parser.add_argument("--stop_at", type=int, metavar="N", help="train up to step N, save, and end")
    parser.add_argument(
        "--init_from", metavar="RUN", help="start a new run from the networks of another, or of RUN/checkpoints/best"
    )
    parser.add_argument(
        "--class_map", type=class_map, metavar="NEW=OLD,...",
        help="classes that start from classes of --init_from with another name; the others are matched by name",
    )  # fmt: skip
    parser.add_argument(
        "--freeze_discriminator", type=int, metavar="N", help="keep D's first N blocks unchanged from --init_from"
    )
    parser.add_argument("--strategy", default="auto", help=f"{', '.join(get_args(StrategyName))}; auto by default")
    parser.add_argument("--tpu", metavar="NAME", help="the TPU of --strategy=tpu; this VM's, or $TPU_NAME, by default")
    parser.add_argument(
        "--wait_for_workers",
        type=float,
        default=300,
        metavar="S",
        help="seconds to wait for the other workers; 300 by default",
    )
    parser.add_argument(
        "--dry_run", action="store_true", help="run everything once, keep nothing, and report what the run would take"
    )
    parser.add_argument("--allow_config_change", action="store_true", help="resume with a changed configuration")
    flags = parser.parse_args(arguments)
    for name in ("stop_after", "stop_at", "wait_for_workers"):
        if getattr(flags, name) is not None and getattr(flags, name) < 1:
            parser.error(f"--{name} must be at least 1; received --{name}={getattr(flags, name)}")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains; the exit code."""
    start_up, flags = StartUp(), parse(arguments)

    def work() -> int:
        from sagan_tf.runs.training import run_to_code  # here, since flags are answered before TensorFlow is imported

        start_up.lap("imports")
        return run_to_code(flags, start_up)

    return answered(
        work,
        interrupted=lambda stop: f"interrupted: {stop or 'nothing is left to save'}. Repeat the command to resume.",
        explain=lambda error: files.explain(error, flags.run_dir),
    )


if __name__ == "__main__":
    start(main)
