"""The local web server of the explorer's page."""

import contextlib
import errno
import socket

from sagan_tf.foundation.interruption import left_to_others
from sagan_tf.runs.explorer import ExplorerModel
from sagan_tf.runs.explorer_link import default_state, state_of
from sagan_tf.runs.explorer_page import Page
from sagan_tf.runs.run_directory import RunError


def check_address(host: str, port: int) -> int:
    """Refuses an address that can't be listened on, before a model is read. Returns the port, a free one for port 0.

    host: a name, or an address of IPv4 or IPv6.

    Raises:
      RunError: if the port is taken or is none, or if the host is not this machine.
    """
    try:
        if not 0 <= port < 1 << 16:
            raise OverflowError("a port is an integer from 0 to 65535")
        return _free_port(host, port)
    except (OSError, OverflowError, UnicodeError) as error:
        raise RunError(
            f"--host and --port must be free to listen on; received --host={host} --port={port}: "
            f"{getattr(error, 'strerror', None) or error}. Choose another --host or --port."
        ) from None


def _free_port(host: str, port: int) -> int:
    """The port at which all addresses of a host can be listened on, except those of a kind that this machine lacks.

    "localhost" has an address of IPv6 even where IPv6 is off, as in many containers.

    Raises:
      OSError: if an address is taken, or if the machine has none of them.
    """
    missing, free = None, None
    for family, kind, protocol, _, (name, _, *rest) in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((name, free or port, *rest))
                free = probe.getsockname()[1]
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
            missing = error
    if free is None:
        raise missing
    return free


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
    port = check_address(host, port)

    def page() -> None:
        names, resolution = explorer.model.class_names, explorer.model.spec.resolution
        try:
            query = ui.context.client.request.query_params
            state = state_of(query, names, resolution, largest_threshold=explorer.largest_threshold)
        except ValueError as error:
            ui.notify(str(error), type="negative", multi_line=True)
            state = default_state(len(names), resolution)
        shown = Page(ui, run, explorer, state)
        ui.timer(0, shown.refresh, once=True)  # Once the tab is there: a first image may take seconds.

    print(f"http://{f'[{host}]' if ':' in host else host}:{port}   (Ctrl-C ends)", flush=True)
    with contextlib.suppress(KeyboardInterrupt), left_to_others():
        ui.run(
            page, host=host, port=port, title="sagan_tf", dark=None, reload=False, show=show, show_welcome_message=False
        )
