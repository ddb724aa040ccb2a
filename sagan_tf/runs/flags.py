"""The flags that several verbs share, each with one name, one default and one help text.

This module and the verbs themselves import no TensorFlow, so that `--help` and errors in flags are answered at once.
"""

import argparse
from typing import get_args

from sagan_tf.foundation.option_names import Statistics, TruncationMode

CLASSES_HELP = "names or indices, separated by commas; if every class is named by a number, only names"


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """`--gin_file`, `--gin_bindings`, `--data` and `--data_dir`: what `experiment.load` takes."""
    parser.add_argument(
        "--gin_file",
        action="append",
        default=[],
        metavar="FILE",
        help="a gin file; repeatable, and later ones override",
    )
    parser.add_argument(
        "--gin_bindings", "--gin_param", action="append", default=[], metavar="BINDING",
        help="one binding, such as train.batch_size=32; repeatable",
    )  # fmt: skip
    parser.add_argument("--data", metavar="DATA", help="folder of images, folder of shards, tfds:NAME, or procedural")
    add_data_dir(parser)


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """`--data_dir`."""
    parser.add_argument("--data_dir", metavar="DIR", help="the folder in which TFDS stores its data sets")


def add_run_dir(parser: argparse.ArgumentParser) -> None:
    """`--run_dir` of a run that exists."""
    parser.add_argument("--run_dir", required=True, metavar="RUN", help="the run's directory")


def add_moved_data(parser: argparse.ArgumentParser) -> None:
    """`--data` of a run whose data are no longer where its configuration says."""
    parser.add_argument("--data", metavar="DATA", help="the current location of the run's data, if they have moved")


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """`--step` and `--average`: which weights of the run."""
    parser.add_argument("--step", type=int, help="step of the checkpoint; the newest by default")
    parser.add_argument(
        "--average", action=argparse.BooleanOptionalAction, default=None,
        help="the moving average of G, or its raw weights; the average by default if there is one",
    )  # fmt: skip


def add_truncation(parser: argparse.ArgumentParser) -> None:
    """`--truncation`."""
    parser.add_argument("--truncation", type=float, metavar="THRESHOLD", help="truncate z; BigGAN's are 0.04 to 2")


def add_truncation_mode(parser: argparse.ArgumentParser) -> None:
    """`--truncation_mode`; the default is `TrainedModel.truncation_mode`."""
    parser.add_argument(
        "--truncation_mode",
        choices=get_args(TruncationMode),
        help="how z is truncated: drawn again (BigGAN's paper, the default), cut at 2 and scaled (DeepMind's modules; "
        "the default of runs that were imported from them), or scaled (BigGAN-PyTorch)",
    )


def add_statistics(parser: argparse.ArgumentParser, choices: tuple[Statistics, ...] = get_args(Statistics)) -> None:
    """`--statistics`; the default is that of `default_statistics.py`."""
    parser.add_argument(
        "--statistics",
        choices=choices,
        help="the statistics of G's batch norms: moving averages of training, each batch's own moments, standing "
        "statistics of 100 additional batches (BigGAN), gathered for each truncation, or those that were published "
        "with imported weights; by default published ones where there are any, standing ones for a truncated z, else "
        "what the run's description says",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """`--seed` of a set of images."""
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the set of images; image i has the seed SEED * 2^32 + i"
    )
