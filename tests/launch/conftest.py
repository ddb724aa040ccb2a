"""The launch scripts with recorded fakes of gcloud, ssh, srun, scontrol and Python in place of the real ones."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch"
FAKE = """#!/usr/bin/env bash
line=${0##*/}
for word in "$@"; do line+=$'\\x1f'$word; done
printf '%s\\x1e' "$line" >>"$FAKES/calls"
behavior=$FAKES/${0##*/}.behavior
if [[ -f $behavior ]]; then . "$behavior"; fi
"""


class Fakes:
    """Fake commands: what each does is a few lines of bash; what each was asked is `calls`, a list of words a call."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("gcloud", "ssh", "srun", "scontrol", "python", "python3"):
            (folder / name).write_text(FAKE)
            (folder / name).chmod(stat.S_IRWXU)
        self.python = f"--python={folder / 'python'}"

    def behave(self, name: str, lines: str) -> None:
        (self.folder / f"{name}.behavior").write_text(lines)

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        text = path.read_text() if path.exists() else ""
        return [call.split("\x1f") for call in text.split("\x1e")[:-1]]

    def environment(self, **extra: str) -> dict[str, str]:
        own = {"PATH": f"{self.folder}:{os.environ['PATH']}", "FAKES": str(self.folder), "TMPDIR": str(self.folder)}
        return {**os.environ, **own, **extra}

    def start(self, script: str, *arguments: str, launch: Path = LAUNCH, **extra: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["bash", str(launch / script), *arguments],
            env=self.environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, *arguments: str, **extra) -> subprocess.CompletedProcess:
        process = self.start(script, *arguments, **extra)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(script, process.returncode, out, err)


@pytest.fixture
def fakes(tmp_path):
    folder = tmp_path / "fakes"
    folder.mkdir()
    return Fakes(folder)
