"""`python -m sagan_tf.explore --run_dir=RUN`: a local page to move between images and see where each pixel attends."""

import argparse
import contextlib
import socket
import sys
from collections.abc import Sequence

from sagan_tf.foundation.interruption import left_to_others
from sagan_tf.foundation.refusals import Parser, answered
from sagan_tf.runs.explorer import ExplorerModel
from sagan_tf.runs.explorer_link import default_state, state_of
from sagan_tf.runs.explorer_page import Page
from sagan_tf.runs.run_directory import RunError
from sagan_tf.runs.trained import TrainedModel


def serve(explorer: ExplorerModel, *, host: str, port: int, show: bool) -> None:
    """Serves the page until it is interrupted.

    Raises:
      RunError: if the library is missing or the port is taken.
    """
    try:
        from nicegui import run, ui
    except ImportError:
        raise RunError(
            "the explorer must have its library; nicegui is not installed. Run: pip install 'sagan_tf[explore]'"
        ) from None
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise RunError(
                f"--host and --port must be free to listen on; received --host={host} --port={port}: "
                f"{error.strerror}. Choose another --port."
            ) from None

    def page() -> None:
        names, resolution = explorer.model.class_names, explorer.model.spec.resolution
        try:
            state = state_of(ui.context.client.request.query_params, names, resolution)
        except ValueError as error:
            ui.notify(str(error), type="negative", multi_line=True)
            state = default_state(len(names), resolution)
        shown = Page(ui, run, explorer, state)
        ui.timer(0, shown.refresh, once=True)  # Once the tab is there: a first image may take seconds.

    print(f"http://{host}:{port}   (Ctrl-C ends)", flush=True)
    with contextlib.suppress(KeyboardInterrupt), left_to_others():
        ui.run(
            page, host=host, port=port, title="sagan_tf", dark=None, reload=False, show=show, show_welcome_message=False
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m sagan_tf.explore", description=__doc__)
    parser.add_argument("--run_dir", required=True, metavar="RUN")
    parser.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    parser.add_argument(
        "--average",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the moving average of G, or its raw weights; the average by default if there is one",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="who may connect: by default this machine alone; anybody "
        "who reaches another address may, without a password",
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--browser", action=argparse.BooleanOptionalAction, default=True, help="open it in a browser")
    flags = parser.parse_args(arguments)

    def work() -> None:
        model = TrainedModel(flags.run_dir, average=flags.average, step=flags.step)
        serve(ExplorerModel(model), host=flags.host, port=flags.port, show=flags.browser)

    return answered(work, interrupted="interrupted: the page was not served.")


if __name__ == "__main__":
    sys.exit(main())
