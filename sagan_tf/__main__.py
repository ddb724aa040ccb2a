"""`sagan_tf VERB ...`, or `python -m sagan_tf VERB ...`: the same as `python -m sagan_tf.VERB ...`."""

import runpy
import sys

import sagan_tf
from sagan_tf.foundation.flag_parser import REFUSED
from sagan_tf.foundation.missing_streams import open_missing_streams
from sagan_tf.foundation.refusals import report_error
from sagan_tf.foundation.spelling import nearest

VERBS = {
    "train": "train a run, or resume it",
    "sample": "draw images of a run",
    "evaluate": "evaluate a run, an export or any other images: FID, IS, KID, ...",
    "visualize": "draw attention maps, interpolations, neighbors, spectra or a report of a run",
    "explore": "explore a run's images on a local web page",
    "export": "write a run's generator as a SavedModel or as ONNX",
    "describe": "print a configuration's networks and what a step costs",
    "prepare_data": "check a data set, or convert it into shards",
    "import_weights": "turn published weights into a run",
}


def usage() -> str:
    """The list of verbs, with one line each."""
    lines = [f"  {verb:<16}{text}" for verb, text in VERBS.items()]
    return "\n".join(
        ["usage: sagan_tf VERB [FLAGS]", "", *lines, "", "Flags of a verb: sagan_tf VERB --help.  Version: --version."]
    )


def main() -> None:
    """Runs the verb named on the command line, and exits with its code."""
    open_missing_streams()
    verb, arguments = (sys.argv[1:] or ["--help"])[0], sys.argv[2:]
    if verb in ("--help", "-h", "help"):
        print(usage())
    elif verb == "--version":
        print(f"sagan_tf {sagan_tf.__version__}")
    elif verb not in VERBS:
        hint = nearest(verb, VERBS)
        report_error(f"a verb must be one of {', '.join(VERBS)}; received {verb}. {hint}".rstrip())
        sys.exit(REFUSED)
    else:
        sys.argv[1:] = arguments
        runpy.run_module(f"sagan_tf.{verb}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
