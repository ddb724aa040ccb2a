"""`python -m sagan_tf.explore --run_dir=RUN`: a local page that shows a run's images and what each pixel attends to."""

import argparse
from collections.abc import Sequence

from sagan_tf.foundation.flag_parser import Parser
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
from sagan_tf.runs import flags as shared


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves the page until it is interrupted, and returns the exit code."""
    parser = Parser(prog="python -m sagan_tf.explore", description=__doc__)
    shared.add_run_dir(parser)
    shared.add_checkpoint(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; by default only this machine can connect; with another address, anyone who can "
        "reach it can, without a password",
    )
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 8080 by default")
    parser.add_argument(
        "--browser", action=argparse.BooleanOptionalAction, default=True, help="open the page in a browser; the default"
    )
    flags = parser.parse_args(arguments)

    def work() -> None:
        from sagan_tf.runs.explorer import ExplorerModel  # here, since flags are answered before TensorFlow is imported
        from sagan_tf.runs.explorer_server import check_address, serve
        from sagan_tf.runs.run_directory import RunDirectory
        from sagan_tf.runs.trained import TrainedModel

        run = RunDirectory.open(flags.run_dir)
        check_address(flags.host, flags.port)
        model = TrainedModel(run, average=flags.average, step=flags.step)
        serve(ExplorerModel(model), host=flags.host, port=flags.port, show=flags.browser)

    return answered(work, interrupted="interrupted: the page was not served.")


if __name__ == "__main__":
    start(main)
