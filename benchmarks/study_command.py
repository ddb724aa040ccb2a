"""The command line of a study that measures finished runs and shows the stored measures as a table and a figure."""

import argparse
from collections.abc import Callable
from pathlib import Path

from markdown_table import replace_table

from sagan_tf.foundation import jsonl

Records = list[dict]


def run_study(
    description: str,
    *,
    stored: Path,
    measure: Callable[[Path, Path], None],
    measure_all: Callable[[Path, Path], None],
    table: Callable[[Records], str],
    plot: Callable[[Records, Path], None],
    head: str,
) -> None:
    """Parses the command line and does what it says.

    description: the script's docstring.
    stored: the file of the measures, one JSON line each, unless --stored names another one.
    measure: prints the measures of a run as JSON lines, given its folder and the file; called in a process of its own.
    measure_all: adds the measures that are missing to the file, given the folder of the runs and the file.
    table, plot: of the stored records, as Markdown and into a PNG file.
    head: what the first line of the study's table contains, by which --page finds it.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="a folder of variety_study.py, whose runs are measured")
    parser.add_argument("--stored", type=Path, default=stored, help="the file of the measures")
    parser.add_argument("--plot", type=Path, help="draw the figure into this file and end")
    parser.add_argument("--page", type=Path, help="put the table into a Markdown page in place of the old one and end")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.measure:
        measure(flags.measure, flags.stored)
        return
    if flags.runs:
        measure_all(flags.runs, flags.stored)
    records = jsonl.read(flags.stored)
    if flags.plot:
        plot(records, flags.plot)
    elif flags.page:
        replace_table(flags.page, head, table(records))
    else:
        print(table(records))
