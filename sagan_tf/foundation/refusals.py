"""Exit codes of the verbs: bad input gives one sentence on stderr and exit code 2, never a traceback.

`answered` runs a verb's work and turns what it raises into an exit code:

* an error class of this package, or a ValueError: `error: SENTENCE`, 2;
* a disk error, also TensorFlow's, or a lack of memory: the same, with the path and what to do;
* KeyboardInterrupt, which SIGTERM raises as well: the verb's own sentence, `interruption.INTERRUPTED`;
* anything else (TypeError, KeyError, ...) is a fault of the program and keeps its traceback.

A ValueError of another library is reported with the line of ours that called it, since it may be a fault of the
program. With `SAGAN_TF_TRACEBACK=1` every refusal shows its traceback.
"""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from sagan_tf.foundation import files
from sagan_tf.foundation.flag_parser import REFUSED
from sagan_tf.foundation.interruption import INTERRUPTED, as_keyboard_interrupt

_PACKAGE = Path(__file__).parents[1]


def answered(
    work: Callable[[], int | None],
    *,
    interrupted: str | Callable[[KeyboardInterrupt], str] = "interrupted: nothing was saved. Repeat the command.",
    explain: Callable[[BaseException], str | None] | None = None,
) -> int:
    """Runs `work` and returns the verb's exit code: work's own (None: 0), REFUSED, or INTERRUPTED.

    interrupted: the line for stderr when Ctrl-C or SIGTERM ended the work, or a function of the interruption.
    explain: the verb's own sentence for an error, which takes precedence over those of this file; None if it has none.
    """
    try:
        with as_keyboard_interrupt():
            code = work() or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as stop:
        line = interrupted(stop) if callable(interrupted) else interrupted
        if line:
            print(line, file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone
        _silence_stdout()
        return REFUSED
    except Exception as error:
        message = (explain(error) if explain else None) or sentence(error)
        if message is None:
            raise
        if os.environ.get("SAGAN_TF_TRACEBACK"):
            traceback.print_exc()
        report_error(message)
        _silence_stdout()
        return REFUSED


def report_error(message: object) -> None:
    """Prints on stderr why the process ends; every error of every verb has this form."""
    print(f"error: {message}", file=sys.stderr, flush=True)


def _silence_stdout() -> None:
    """Redirects stdout if it can't be flushed: flushing it when Python exits would fail again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def sentence(error: BaseException) -> str | None:
    """The message for the user about an error; None for a fault of the program, whose traceback is shown."""
    if type(error).__module__.partition(".")[0] == "sagan_tf":
        return str(error)
    if said := files.explain(error):
        return said
    if isinstance(error, OSError):
        return f"a file could not be read or written: {_one_line(error)}. Check the path, and repeat the command."
    if isinstance(error, MemoryError):
        return (
            f"there must be enough memory for the command; received an allocation failure ({_one_line(error)}). "
            "Reduce the batch size or the number of images."
        )
    if isinstance(error, ValueError | OverflowError):
        return str(error) if _raised_here(error) else _of_a_library(error)
    return None


def _raised_here(error: BaseException) -> bool:
    """Whether the package's own code raised the error."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(_PACKAGE)


def _of_a_library(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    place = f" (in {Path(ours[-1].filename).relative_to(_PACKAGE.parent)}, line {ours[-1].lineno})" if ours else ""
    return f"{_one_line(error)}{place}. SAGAN_TF_TRACEBACK=1 shows where this comes from."


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
