"""The flags of `evaluate`, and the table of its modes: which flags each of them reads.

The mode follows from the flags that are given. A flag that the mode doesn't read is refused by name, never ignored.
"""

import argparse
from typing import Literal, get_args

from sagan_tf.evaluation.truncation_curve import CURVE_THRESHOLDS
from sagan_tf.foundation.comma_lists import comma_list, different, number, set_seed
from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.option_names import DataSplit
from sagan_tf.runs import flags as shared

Mode = Literal["checkpoint", "watch", "curve", "memorization", "split", "files", "export", "table", "runs"]

_MEASURED = ("reference", "extractor", "inception", "metrics", "batch_size", "allow_few_samples", "data_dir")
_MEASURED += ("write_reference", "out", "json")
_OF_RUN = ("run_dir", "data")
_SAMPLED = ("num", "average", "statistics", "truncation", "truncation_mode", "strategy")
# The name of each mode in messages, and the flags that it reads.
MODES: dict[Mode, tuple[str, frozenset[str]]] = {
    "checkpoint": (
        "a run's generator (--run_dir)",
        frozenset([*_OF_RUN, "seeds", "step", *_MEASURED, *_SAMPLED]),
    ),
    "watch": ("--watch", frozenset([*_OF_RUN, "watch", *_MEASURED, *_SAMPLED])),
    "curve": (
        "--truncation_curve",
        frozenset([*_OF_RUN, "truncation_curve", "seeds", "step", *_MEASURED, *_SAMPLED]) - {"truncation"},
    ),
    "memorization": (
        "--memorization",
        frozenset([*_OF_RUN, "memorization", "step", "batch_size", "out", "json"]),
    ),
    "split": (
        "a split of a run's data (--run_dir with --images)",
        frozenset([*_OF_RUN, "images", *_MEASURED]),
    ),
    "files": ("files (--images)", frozenset(["images", "resolution", "strategy", *_MEASURED])),
    "export": (
        "an exported generator (--saved_model)",
        frozenset(["saved_model", *_OF_RUN, "num", "statistics", "truncation", "seeds", "strategy", *_MEASURED]),
    ),
    "table": ("a paper's table (--table)", frozenset(["table", "run_dirs"])),
    "runs": ("--table=runs", frozenset(["table", "run_dirs", "metrics", "step", "truncation"])),
}


def parser() -> argparse.ArgumentParser:
    """All flags of the verb. Every default is None, False or (): any other value counts as given."""
    built = Parser(
        prog="python -m sagan_tf.evaluate",
        description="Evaluates a run's samples, or any other images, against real images.",
    )
    _add_what(built)
    _add_how(built)
    _add_samples(built)
    _add_results(built)
    return built


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parses a command line into flags, with their `mode`.

    Raises:
      SystemExit: if argparse refuses a flag, no mode is asked for, or a flag doesn't apply in the mode.
    """
    built = parser()
    flags = built.parse_args(arguments)
    flags.mode = _mode(flags)
    if flags.mode is None:
        built.error("one of --run_dir, --saved_model, --images and --table must be given; received none of them")
    if flags.mode == "split" and flags.images not in get_args(DataSplit):
        built.error(
            "--images with --run_dir must be train or validation; "
            f"received --images={flags.images}. To measure files, leave --run_dir out"
        )
    title, read = MODES[flags.mode]
    if unread := sorted(_given(flags) - read):
        names = ", ".join(f"--{name}" for name in unread)
        built.error(
            f"every flag must apply to what is measured; received {names}, which {title} does not use. Remove it. "
            f"Flags that apply: {', '.join('--' + name for name in sorted(read))}"
        )
    if flags.mode == "runs" and not flags.run_dirs:
        built.error("--table=runs must go with --run_dirs, the runs that it compares; received none")
    if flags.resolution is not None and flags.resolution < 1:
        built.error(f"--resolution must be at least 1; received --resolution={flags.resolution}")
    if flags.mode == "curve" and (others := set(flags.metrics or ()) - {"is", "fid"}):
        built.error(
            f"--truncation_curve measures IS and FID alone; received --metrics={','.join(flags.metrics)}. Leave "
            f"{', '.join(sorted(others))} out"
        )
    return flags


def _given(flags: argparse.Namespace) -> set[str]:
    """The flags that were given on the command line; `--no-average` gives one the value False."""
    absent = {name for name, value in vars(flags).items() if value is None or value is False or value == ()}
    return set(vars(flags)) - absent - {"mode"} | ({"average"} if flags.average is False else set())


def _mode(flags: argparse.Namespace) -> Mode | None:
    if flags.table:
        return "runs" if flags.table == "runs" else "table"
    if flags.saved_model:
        return "export"
    if flags.run_dir:
        chosen = ("memorization", flags.memorization), ("watch", flags.watch), ("curve", flags.truncation_curve)
        named = [name for name, is_chosen in chosen if is_chosen]
        return named[0] if named else "split" if flags.images else "checkpoint"
    return "files" if flags.images else None


def _add_what(built: argparse.ArgumentParser) -> None:
    built.add_argument("--run_dir", metavar="RUN", help="measure this run's generator")
    shared.add_moved_data(built)
    built.add_argument(
        "--saved_model",
        metavar="DIR",
        help="measure this exported generator, at --truncation, against --reference or the data of --run_dir",
    )
    built.add_argument(
        "--images",
        metavar="PATH",
        help="measure these: .npz (arr_0 uint8), folder, tfds:NAME:SPLIT; "
        "with --run_dir train or validation, a split of its data",
    )
    built.add_argument(
        "--reference",
        metavar="PATH",
        help="the real images: the same kinds, or an .npz of mu and "
        "sigma; with --run_dir also train (default) or validation",
    )
    built.add_argument("--watch", action="store_true", help="measure each new checkpoint until training ends")
    built.add_argument(
        "--memorization",
        action="store_true",
        help="measure instead the shares of training and validation images that D classifies as real",
    )
    built.add_argument(
        "--truncation_curve",
        nargs="?",
        type=comma_list(number, "numbers"),
        const=CURVE_THRESHOLDS,
        metavar="2,1,0.5",
        help="measure IS against FID at these thresholds (by default "
        f"{', '.join(map(str, CURVE_THRESHOLDS))}), as numbers, CSV and plot",
    )


def _add_how(built: argparse.ArgumentParser) -> None:
    built.add_argument("--extractor", metavar="NAME", help="auto, inception, dataset, or a SavedModel's folder")
    built.add_argument("--inception", metavar="DIR", help="the folder of the Inception module, local or gs://")
    built.add_argument(
        "--metrics", type=comma_list(str.lower, "names"), help="is, fid, kid, pr, ..., separated by commas"
    )
    built.add_argument(
        "--strategy",
        choices=["auto", "cpu", "gpu", "mirrored"],
        help="devices that share the work; auto, the default, uses all GPUs of this machine, or the CPU",
    )
    built.add_argument("--resolution", type=int, help="crop and resize images of files to this many pixels per side")
    built.add_argument("--batch_size", type=int, help="images per pass through the extractor")
    built.add_argument(
        "--allow_few_samples", action="store_true", help="compute FID even from too few images, for debugging only"
    )
    shared.add_data_dir(built)


def _add_samples(built: argparse.ArgumentParser) -> None:
    built.add_argument(
        "--num",
        type=int,
        help="how many images to generate; by default as the run's configuration says, else the papers' 50,000",
    )
    built.add_argument(
        "--seeds",
        type=different(comma_list(set_seed, "integers from 0 to 2^31 - 1")),
        metavar="0,1,2",
        help="measure with each of these seeds that has no results yet, and report mean and standard deviation",
    )
    shared.add_checkpoint(built)
    shared.add_statistics(built)
    shared.add_truncation(built)
    shared.add_truncation_mode(built)


def _add_results(built: argparse.ArgumentParser) -> None:
    built.add_argument("--write_reference", metavar="FILE", help="write the reference's mu and sigma to this .npz")
    built.add_argument(
        "--out",
        metavar="FILE",
        help="append the results to this file; those of a run are recorded with the run in any case",
    )
    built.add_argument(
        "--table",
        metavar="NAME",
        help="compare the results of --run_dirs with a paper's: sagan_table1, ...; runs:"
        " the --metrics of the runs alone, at --step and --truncation",
    )
    built.add_argument(
        "--run_dirs",
        type=different(comma_list(str, "[ROW=]RUN")),
        default=(),
        metavar="[ROW=]RUN,...",
        help="evaluated runs for --table; several runs of a row give mean and standard deviation",
    )
    built.add_argument("--json", action="store_true", help="print JSON: the metrics' names as keys, and protocol")
