"""Log messages about what the program does, through absl's logging: on standard error, with level, time and location.

Results go to standard output. `--verbosity` chooses what is noted (flag_parser.py). Notes have a logger of their own
below absl's, so that those of other libraries that log through absl stay at warnings.
"""

import contextlib
import logging as standard_logging
import sys
from collections.abc import Callable

from absl import logging


class _CurrentStderr(standard_logging.Handler):
    """Writes to what is standard error at the time, which tests and `output_streams` replace.

    bars_hidden: makes a context in which no progress bar stands on the line that is written; progress.py sets it.
    """

    bars_hidden: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext

    def emit(self, record: standard_logging.LogRecord) -> None:
        with self.bars_hidden():
            print(self.format(record), file=sys.stderr, flush=True)


_HANDLER = _CurrentStderr()


def _logger() -> standard_logging.Logger:
    logger = logging.get_absl_logger().getChild("sagan_tf")
    _HANDLER.setFormatter(logging.PythonFormatter())
    logger.addHandler(_HANDLER)
    logger.propagate = False
    logger.setLevel(standard_logging.INFO)
    return logger


_LOGGER = _logger()


def note(text: str) -> None:
    """Logs what the program does."""
    _LOGGER.info("%s", text, stacklevel=2)


def warn(text: str) -> None:
    """Logs a warning: what the user should know and may have to act on."""
    _LOGGER.warning("%s", text, stacklevel=2)


def write_beside_bars(bars_hidden: Callable[[], contextlib.AbstractContextManager]) -> None:
    """Writes every message inside a context of `bars_hidden`, which removes progress bars from the screen."""
    _HANDLER.bars_hidden = bars_hidden


def set_level(verbosity: int) -> None:
    """Sets what is noted, in absl's terms: -2 errors, -1 warnings, 0 all notes; from 1 on those of libraries too."""
    _LOGGER.setLevel(logging.converter.absl_to_standard(min(verbosity, 0)))
    logging.set_verbosity(verbosity if verbosity > 0 else min(verbosity, logging.WARNING))
