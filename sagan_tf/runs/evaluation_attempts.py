"""Evaluations during training that end the process, such as by a lack of memory: they are not tried for ever.

evaluation_attempts.json    the evaluations that were begun and have not ended, beside the run's other files:
                            [{"step": 2000, "options": "EvaluationOptions(...)", "begun": 1}]

An evaluation is noted there before it begins, durably, and removed when it ends, when a signal interrupts it, or when a
file can't be read or written, which the user can put right. What is left over was killed, or failed in another way.
"""

import functools
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sagan_tf.data.source import DataError
from sagan_tf.foundation import files
from sagan_tf.foundation.interruption import at_first_signal
from sagan_tf.foundation.notes import note, warn

ATTEMPTS = "evaluation_attempts.json"
MOST_ATTEMPTS = 2

Result = TypeVar("Result")


def attempt(folder: Path, step: int, options: object, evaluate: Callable[[], Result]) -> Result | None:
    """The result of `evaluate()`; None, with a warning, if evaluating this step has ended the process twice already.

    folder: the run's. options: of the evaluation. With other ones, it is tried again.
    """
    attempts = _Attempts(folder, step, repr(options))
    if attempts.begun >= MOST_ATTEMPTS:
        _report_skipped(folder, step, attempts.begun)
        return None
    if attempts.begun:
        note(
            f"The evaluation of step {step} was begun before and did not finish, possibly for lack of memory. It is "
            "tried once more."
        )
    with at_first_signal(attempts.end) as signalled:  # a preempted process may be killed before it reaches any `except`
        attempts.begin()
        if signalled():
            attempts.end()
        try:
            result = evaluate()
        except BaseException as error:
            if _can_be_put_right(error):
                attempts.end()
            raise
    attempts.end()
    return result


def _can_be_put_right(error: BaseException) -> bool:
    """Whether an exception is an interruption, or one of files, which the next attempt may find in order."""
    if not isinstance(error, Exception) or isinstance(error, BrokenPipeError):  # signals, and `| head`
        return True
    return isinstance(error, DataError | files.OutputError) or files.reason(error) is not None


@functools.cache  # once per process: at the end of a run it is asked twice
def _report_skipped(folder: Path, step: int, begun: int) -> None:
    warn(
        f"The evaluation of step {step} is skipped: it was begun {begun} times and never finished, "
        "possibly for lack of memory. Measure it in a process of its own, while its checkpoint is kept: "
        f"python -m sagan_tf.evaluate --run_dir={shlex.quote(str(folder))} --step={step}. Training tries it again with "
        "other options, such as a smaller EvaluationOptions.batch_size or n_samples, or once the file "
        f"{folder / ATTEMPTS} is removed."
    )


class _Attempts:
    """How often the evaluation of one step, with these options, was begun since it last ended."""

    def __init__(self, folder: Path, step: int, options: str):
        self._path = Path(folder) / ATTEMPTS
        self._evaluation = {"step": step, "options": options}

    @property
    def begun(self) -> int:
        return next((entry["begun"] for entry in self._entries() if self._is_own(entry)), 0)

    def begin(self) -> None:
        """Counts one more attempt, before it begins."""
        self._write({**self._evaluation, "begun": self.begun + 1})

    def end(self) -> None:
        """Forgets the attempts."""
        if self.begun:
            self._write()

    def _write(self, *own: dict) -> None:
        entries = [entry for entry in self._entries() if not self._is_own(entry)] + [*own]
        with files.dispensable(f"{ATTEMPTS}, by which an evaluation that ends the process is recognized,"):
            if entries:
                files.write_text(self._path, json.dumps(entries, indent=1), durable=True)
            else:
                self._path.unlink(missing_ok=True)

    def _is_own(self, entry: dict) -> bool:
        return self._evaluation.items() <= entry.items()

    def _entries(self) -> list[dict]:
        """The file's content; a file that can't be read counts as empty."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        kinds = {"step": int, "options": str, "begun": int}
        entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
        return [e for e in entries if all(isinstance(e.get(name), kind) for name, kind in kinds.items())]
