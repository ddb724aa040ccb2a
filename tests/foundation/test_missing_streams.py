"""Verbs whose standard streams are closed, as a daemon's may be, do their work and keep their exit codes."""

import subprocess
import sys

import pytest

from sagan_tf.foundation import missing_streams

REFUSED = """-c "
from sagan_tf.foundation.refusals import answered
from sagan_tf.foundation.start import start
start(lambda _: answered(lambda: print(open('/no_such_file'))))
" """
QUIET_IMPORT = """-c "
import sys
from sagan_tf.foundation.quiet_import import _captured_stderr
with _captured_stderr():
    pass
" """


def run(words: str) -> subprocess.CompletedProcess:
    return subprocess.run(f"{sys.executable} {words}", shell=True, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (f"{REFUSED} >&-", 2, "", "error: /no_such_file must"),
        (f"{REFUSED} 2>&-", 2, "", ""),  # no message on standard output
        (f"{REFUSED} <&- >&- 2>&-", 2, "", ""),
        ("-m sagan_tf.describe --version 2>&-", 0, "sagan_tf ", ""),
        ("-m sagan_tf --version 2>&-", 0, "sagan_tf ", ""),
        ("-m sagan_tf nosuch 2>&-", 2, "", ""),
        (f"{QUIET_IMPORT} 2>&-", 0, "", ""),
    ],
)
def test_closed_streams_change_nothing_else(words, code, out, err):
    done = run(words)
    assert done.returncode == code
    assert done.stdout.startswith(out) and bool(done.stdout) == bool(out)
    assert done.stderr.startswith(err) and len(done.stderr.splitlines()) == bool(err)


def test_open_streams_stay(monkeypatch):
    streams = sys.stdin, sys.stdout, sys.stderr
    missing_streams.open_missing_streams()
    assert streams == (sys.stdin, sys.stdout, sys.stderr)
    monkeypatch.setattr(sys, "stdout", None)
    missing_streams.open_missing_streams()
    assert sys.stdout.write("nowhere") == 7 and sys.stdout.fileno() > 2
    sys.stdout.close()
