"""`python -m sagan_tf.visualize WHAT --run_dir=RUN`: pictures of a trained run."""

import argparse
from collections.abc import Callable, Sequence
from typing import get_args

from sagan_tf.foundation.comma_lists import comma_list, number
from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.interruption import sigterm_as_keyboard_interrupt
from sagan_tf.foundation.option_names import THRESHOLDS, Interpolated
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared
from sagan_tf.sampling.interpolation import PATHS

WHAT = {
    "attention": "what locations of an image attend to (SAGAN, Figures 1 and 5)",
    "interpolate": "from one z or class to another: a sheet and an animation",
    "neighbors": "the training images nearest to samples, by pixels and by features",
    "truncation": "the same seeds at several truncation thresholds (BigGAN, Figure 2)",
    "classes": "a sheet per class, and which classes are easy and difficult, if intra-FID was measured",
    "spectra": "singular values over training (BigGAN, Figure 3), losses and gamma",
    "report": "one self-contained HTML page of the run",
}


def _at_least(least: int) -> Callable[[str], int]:
    """The `type` of a flag that is an integer of at least `least`."""

    def integer(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}; received {text}")
        return value

    return integer


_positive, _two_or_more = _at_least(1), _at_least(2)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m sagan_tf.visualize", description=__doc__)
    chosen = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    verbs = {name: chosen.add_parser(name, help=text, description=text) for name, text in WHAT.items()}
    for name, verb in verbs.items():
        shared.add_run_dir(verb)
        verb.add_argument("--out", help="the file, or for `classes` the folder; by default in RUN/pictures")
        if name in ("attention", "neighbors", "report"):
            shared.add_moved_data(verb)
        if name not in ("spectra", "report"):
            _add_choice(verb)
    _add_attention(verbs["attention"])
    verbs["interpolate"].add_argument(
        "--kind", choices=get_args(Interpolated), default="both", help="what changes along a row; both by default"
    )
    verbs["interpolate"].add_argument(
        "--path", choices=list(PATHS), default="spherical", help="the path of z; spherical by default"
    )
    verbs["interpolate"].add_argument(
        "--steps", type=_two_or_more, default=9, help="images per row of the sheet; 9 by default"
    )
    verbs["interpolate"].add_argument(
        "--frames", type=_two_or_more, default=25, help="frames of the animation in one direction; 25 by default"
    )
    verbs["interpolate"].add_argument("--animation", metavar="FILE", help=".webp or .gif; by default beside the sheet")
    verbs["neighbors"].add_argument("--count", type=_positive, default=4, help="neighbors per sample; 4 by default")
    verbs["neighbors"].add_argument(
        "--extractor",
        metavar="NAME",
        help="of features, as in evaluate: auto, inception, dataset, or a SavedModel's folder; by default the run's",
    )
    verbs["truncation"].add_argument(
        "--thresholds",
        type=comma_list(number, "numbers"),
        metavar="2,1,0.5",
        help=f"truncation thresholds; {','.join(f'{t:g}' for t in THRESHOLDS)} by default, only those up to 1 with "
        "published statistics",
    )
    shared.add_truncation_mode(verbs["truncation"])
    shared.add_statistics(verbs["truncation"])
    verbs["report"].add_argument(
        "--expected",
        metavar="FILE",
        help="curves of earlier runs of this configuration, such as benchmarks/expected/quickstart.jsonl, whose range "
        "is drawn behind the run's own",
    )
    verbs["classes"].add_argument("--count", type=_positive, default=64, help="images per sheet; 64 by default")
    return parser


def _add_attention(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--layer", help="the attention layer, such as generator.attention_64; by default G's last")
    verb.add_argument(
        "--points", metavar="X,Y;X,Y", help="pixels whose attention is shown; by default those whose maps differ most"
    )
    verb.add_argument("--count", type=_positive, default=4, help="points per image without --points; 4 by default")
    verb.add_argument(
        "--real", action="store_true", help="training images instead of samples, with a layer of the discriminator"
    )


def _add_choice(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--classes", help=shared.CLASSES_HELP)
    verb.add_argument(
        "--num",
        type=_positive,
        help="number of rows; the classes take turns; by default one per chosen class, or the first eight classes",
    )
    shared.add_seed(verb)
    shared.add_checkpoint(verb)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws pictures and prints where they are; the exit code."""
    flags = _parser().parse_args(arguments)

    def work() -> None:
        from sagan_tf.runs.pictures import draw  # here, since flags are answered before TensorFlow is imported

        with sigterm_as_keyboard_interrupt():
            for path in draw(flags):
                print(path)

    return answered(work, interrupted="interrupted: no picture was written. Repeat the command.")


if __name__ == "__main__":
    start(main)
