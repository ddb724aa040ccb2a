"""How a verb's process starts and ends: by absl.app, with the exit code that its `main` returns."""

import gc
from collections.abc import Callable, Sequence

from absl import app, flags

from sagan_tf.foundation.missing_streams import open_missing_streams
from sagan_tf.foundation.output_streams import take_any_character


def start(main: Callable[[Sequence[str]], int]) -> None:
    """Calls `main` with the command line's arguments, which its own parser reads, and exits with its code.

    absl.app names the process and installs its log handler, and prints Python's stack when the process crashes.
    """
    open_missing_streams()
    # Imports and tracing make millions of lasting objects: searching them for cycles takes a tenth of the start.
    gc.set_threshold(100_000, 10, 10)
    take_any_character()
    app.run(lambda arguments: main(arguments[1:]), flags_parser=_left_to_main)


def _left_to_main(arguments: list[str]) -> list[str]:
    flags.FLAGS(arguments[:1])  # absl.app requires that its own flags are parsed
    return arguments
