"""`python -m sagan_tf.import_weights`: imports published weights as a run that all other verbs can use.

    --format=biggan_pytorch --generator=G_ema.pth [--discriminator=D.pth]    .npz or .safetensors with its names as well
    --format=tfhub_biggan --generator=FOLDER                                 DeepMind's SavedModel, 128, 256 or 512 px

The gin file describes the network. If a tensor is missing, unexpected or misshapen, it is named and nothing is written.
"""

import argparse
import shlex
from collections.abc import Sequence
from typing import get_args

from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.option_names import WeightsFormat
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared


def main(arguments: Sequence[str] | None = None) -> int:
    """Imports the weights; the exit code."""
    parser = Parser(
        prog="python -m sagan_tf.import_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared.add_configuration(parser)
    parser.add_argument("--format", required=True, choices=get_args(WeightsFormat))
    parser.add_argument("--generator", required=True, metavar="PATH", help="G's file, or the SavedModel's folder")
    parser.add_argument("--discriminator", metavar="PATH", help="D's file (biggan_pytorch)")
    parser.add_argument("--run_dir", required=True, metavar="RUN", help="new or empty")
    flags = parser.parse_args(arguments)
    if flags.discriminator and flags.format == "tfhub_biggan":
        parser.error("--discriminator must be left out with --format=tfhub_biggan, which publishes generators only")

    def work() -> None:
        from sagan_tf.runs.weights_import import import_weights  # here, since flags are answered before TensorFlow

        with sigterm_as_keyboard_interrupt():
            print(f"Imported: {import_weights(flags)}")
        print(
            f"To see images: python -m sagan_tf.sample --run_dir={shlex.quote(flags.run_dir)} --num=80 --out=sheet.png"
        )

    return answered(work, interrupted="interrupted: nothing was imported. Repeat the command.")


if __name__ == "__main__":
    start(main)
