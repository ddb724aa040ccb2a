"""`python -m sagan_tf.prepare_data`: checks a data set, or decodes and resizes it in advance into shards."""

import argparse
from collections.abc import Sequence
from typing import get_args

from sagan_tf.data.image_folder.decoding import MAX_PIXELS
from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.option_names import CropMethod
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared


def parser() -> argparse.ArgumentParser:
    """All flags of the verb."""
    built = Parser(prog="python -m sagan_tf.prepare_data", description=__doc__)
    built.add_argument(
        "--source",
        required=True,
        metavar="DATA",
        help="folder of images, folder of shards, tfds:NAME[:SPLIT], or procedural",
    )
    built.add_argument(
        "--split",
        choices=["train", "validation"],
        default="train",
        help="which images: the training ones, or those of the validation split (for folders: val), whose shards go "
        "into OUT/validation, where runs on OUT find them",
    )
    built.add_argument(
        "--resolution", type=int, required=True, metavar="R", help="side of the prepared images in pixels"
    )
    built.add_argument(
        "--out", metavar="DIR", help="folder of the shards; repeat the command to resume after an interruption"
    )
    built.add_argument("--check", action="store_true", help="only report bad files, classes, sizes and duplicates")
    shared.add_data_dir(built)
    built.add_argument(
        "--method",
        choices=get_args(CropMethod),
        default="biggan",
        help="how images are cropped and resampled; biggan by default, see data/transforms.py",
    )
    built.add_argument(
        "--min_short_edge",
        type=int,
        default=0,
        metavar="PIXELS",
        help="leave out smaller images (BigGAN at 512: 400; SNGAN: 256)",
    )
    built.add_argument(
        "--max_pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help=f"reject image files with more pixels than this, before they fill the memory; {MAX_PIXELS:,} by default",
    )
    built.add_argument(
        "--jpeg_quality",
        type=int,
        default=0,
        metavar="Q",
        help="store as JPEG of this quality (1-100) instead of lossless PNG",
    )
    return built


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks or prepares; the exit code."""
    flags = parser().parse_args(arguments)

    def work() -> int:
        from sagan_tf.runs.data_preparation import run  # here, since flags are answered before TensorFlow is imported

        with sigterm_as_keyboard_interrupt():
            return run(flags)

    return answered(work, interrupted="interrupted: finished shards are kept. Repeat the command to resume.")


if __name__ == "__main__":
    start(main)
