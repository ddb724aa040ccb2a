"""`python -m sagan_tf.import_weights`: imports published weights as a run that all other verbs can use.

    --generator=FOLDER                      Hugging Face's port: pytorch_model.bin and config.json
    --generator=FOLDER                      DeepMind's module biggan-deep-128, -256 or -512
    --gin_file=FILE --generator=FOLDER      DeepMind's module biggan-128, -256 or -512
    --gin_file=FILE --generator=G_ema.pth [--discriminator=D.pth]    BigGAN-PyTorch; .npz and .safetensors as well

A gin file describes the network where the weights don't. If a tensor is missing, unexpected or misshapen, it is named
and nothing is written. Files are read without torch, and no code in a pickle is executed.
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
    """Imports the weights and returns the exit code."""
    parser = Parser(
        prog="python -m sagan_tf.import_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared.add_configuration(parser)
    parser.add_argument("--format", choices=get_args(WeightsFormat), help="by default, it is determined from the files")
    parser.add_argument("--generator", required=True, metavar="PATH", help="G's file or folder")
    parser.add_argument("--discriminator", metavar="PATH", help="D's file (biggan_pytorch)")
    parser.add_argument(
        "--class_names",
        metavar="FILE",
        help="a file with the names of the classes, one per line in the order of the labels; by default the data "
        "set's, or ImageNet's for 1,000 classes",
    )
    parser.add_argument("--run_dir", required=True, metavar="RUN", help="new or empty")
    flags = parser.parse_args(arguments)
    if flags.discriminator and flags.format not in (None, "biggan_pytorch"):
        parser.error(f"--discriminator must be left out with --format={flags.format}, which has generators only")

    def work() -> None:
        from sagan_tf.runs.weights_import import import_weights  # here, since flags are answered before TensorFlow

        with sigterm_as_keyboard_interrupt():
            print(f"Imported: {import_weights(flags)}")
        print(
            f"To see images: python -m sagan_tf.sample --run_dir={shlex.quote(flags.run_dir)} --truncation=0.5 "
            "--num=20 --out=sheet.png"
        )

    return answered(work, interrupted="interrupted: nothing was imported. Repeat the command.")


if __name__ == "__main__":
    start(main)
