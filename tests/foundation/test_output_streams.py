import errno
import os
import subprocess
import sys

import pytest

from sagan_tf.foundation.output_streams import Forgiving

PROGRAM = """
import sys
from sagan_tf.foundation.output_streams import forgiving
with forgiving():
    for _ in range(3):
        print("x" * 100_000, flush=True)
        print("y" * 100_000, file=sys.stderr, flush=True)
    assert sys.stdout.fileno() == 1 and not sys.stdout.isatty()
"""


def test_a_log_on_a_full_disk_costs_nothing():
    with open("/dev/full", "w") as full:
        assert subprocess.run([sys.executable, "-c", PROGRAM], stdout=full, stderr=full).returncode == 0


PRINTS = """
import sys
from sagan_tf.foundation.refusals import answered
sys.exit(answered(lambda: print("fid 12.5")))
"""


def test_a_result_that_cannot_be_printed_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", PRINTS], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ") and "No space left on device" in done.stderr


def test_text_arrives_where_there_is_room(capsys):
    Forgiving(sys.stdout).write("heard")
    assert capsys.readouterr().out == "heard"


def test_other_errors_stay():
    class Closed:
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        Forgiving(Closed()).write("text")


ODD = """
import sys
from sagan_tf.foundation.output_streams import take_any_character
take_any_character()
print("猫", b"caf\\xe9".decode("utf-8", "surrogateescape"), "x")
"""


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [("ascii", rb"\u732b caf%b x"), ("utf-8", "猫 caf%b x".encode()), ("latin-1", rb"\u732b caf%b x")],
)
def test_any_character_can_be_printed(encoding, printed):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", ODD], env=environment, stdout=subprocess.PIPE, check=True)
    assert done.stdout.strip() == printed % b"\xe9"
