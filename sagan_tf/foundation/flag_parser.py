"""The parser of every verb's flags: argparse, with what absl's users expect of flags.

Each parser knows `--flagfile=FILE` (flags from a file, one per line), `--helpfull`, `--undefok`, `--verbosity` and
`--version`. It shares no state with other parsers or with `absl.flags.FLAGS`, so that a process may call several verbs,
or one of them many times.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from absl import flags
from absl.flags import argparse_flags

import sagan_tf
from sagan_tf.foundation import notes
from sagan_tf.foundation.spelling import nearest

REFUSED = 2  # exit code: the input was refused, nothing was changed


class Parser(argparse_flags.ArgumentParser):
    """Flags of one verb. Bad flags are rejected with one sentence and REFUSED, a misspelled one with the right name."""

    def __init__(self, **options):
        super().__init__(inherited_absl_flags=flags.FlagValues(), **options)
        self._given: list[str] = []
        self.add_argument("--version", action="version", version=f"sagan_tf {sagan_tf.__version__}")
        self.add_argument(
            "--verbosity",
            type=int,
            default=argparse.SUPPRESS,
            action=_Verbosity,
            metavar="LEVEL",
            help="messages on standard error: -2 errors, -1 also warnings, 0 all (the default), 1 also libraries'",
        )
        notes.set_level(0)

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's, but unknown flags are rejected here, where the names of the valid ones are known."""
        self._given = sys.argv[1:] if args is None else list(args)
        try:
            found, unknown = super().parse_known_args(args, namespace)
        except flags.Error as error:  # a --flagfile that can't be read
            self.error(" ".join(str(error).split()).rstrip("."))
        except UnicodeDecodeError as error:
            self.error(f"a --flagfile must be text in UTF-8; received one with {error.reason} at byte {error.start}")
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        for name, value in vars(found).items():
            setattr(found, name, _in_full(value))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Ends the process with REFUSED and one sentence; a misspelled flag is reported first."""
        needed = message.removeprefix("the following arguments are required: ")
        if needed != message and needed in self._option_string_actions:
            message = f"{needed} must be given: {self._option_string_actions[needed].help}"
        names = [word.partition("=")[0] for word in self._given if word.startswith("--")]
        known = ["--flagfile", *(name for name in self._option_string_actions if name.startswith("--"))]
        misspelled = [name for name in names if name != "--" and not any(right.startswith(name) for right in known)]
        if misspelled and not self._subparsers:
            message = f"there is no flag {misspelled[0]}. {nearest(misspelled[0], known)}".rstrip(" .")
        stop = "" if message.endswith("?") else "."
        self.exit(REFUSED, f"error: {message}{stop} All flags: {self.prog} --help\n")


def _in_full(value: Any) -> Any:
    """A path in full that begins with "~", the home folder, which shells leave as it is in --flag=~/path."""
    if isinstance(value, list):
        return [_in_full(item) for item in value]
    return os.path.expanduser(value) if isinstance(value, str) and re.match(r"~(/|$)", value) else value


class _Verbosity(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None) -> None:
        notes.set_level(values)
