"""The environment of the compilers, separate from the package's: JAX as their driver, and libtpu or the CUDA plugin.

The versions are pinned, since compiler.py uses names of JAX that are not public and listing.py reads what libtpu
writes.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

JAX = ("jax==0.10.2", "jaxlib==0.10.2")
# No driver, cuDNN or cuBLAS: a GPU's program is compiled without them, not tuned and not run.
CUDA = (
    "jax-cuda12-plugin==0.10.2",
    "jax-cuda12-pjrt==0.10.2",
    "nvidia-cuda-nvcc-cu12==12.9.86",
    "nvidia-cuda-runtime-cu12==12.9.79",
    "nvidia-cuda-nvrtc-cu12==12.9.86",
    "nvidia-nvjitlink-cu12==12.9.86",
)
# By platform: the installations in turn, as options of pip and packages.
INSTALLATIONS = {"tpu": [(*JAX, "libtpu==0.0.52")], "gpu": [JAX, ("--no-deps", *CUDA)]}
GIGABYTES = {"tpu": 1.1, "gpu": 1.5}
UNFINISHED = "being_set_up"  # a file that is there until everything is installed
VERSIONS = "import importlib.metadata as m, sys; print(*(f'{n}=={m.version(n)}' for n in sys.argv[1:]))"

Say = Callable[[str], None]


class SetUpError(ValueError):
    """The compilers' environment is not there and cannot be set up."""


def default_folder(platform: str) -> Path:
    """Where the environment is kept: below XDG_CACHE_HOME, or ~/.cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sagan_tf" / "compilers" / platform


def is_ready(folder: Path, platform: str) -> bool:
    """Whether the folder holds the pinned packages, whoever installed them."""
    pins = [package for packages in INSTALLATIONS[platform] for package in packages if "==" in package]
    if not _python(folder).exists() or (folder / UNFINISHED).exists():
        return False
    command = [_python(folder), "-c", VERSIONS, *(pin.partition("==")[0] for pin in pins)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.split() == pins


def prepare(folder: Path, platform: str, say: Say) -> Path:
    """Sets the environment up unless it is there, and returns its Python.

    say: receives a line before what takes long.

    Raises:
      SetUpError: if the folder holds something else, or the packages can't be installed.
    """
    if is_ready(folder, platform):
        return _python(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())) and not (folder / UNFINISHED).exists():
        raise SetUpError(
            f"--environment must be a new folder, or one with the pinned packages; received --environment={folder}, "
            f"which holds something else. Name another; {platform} needs {', '.join(INSTALLATIONS[platform][-1])}."
        )
    say(f"Setting up the compiler's environment in {folder} (about {GIGABYTES[platform]} GB, once) ...")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / UNFINISHED).touch()
    try:
        _run([sys.executable, "-m", "venv", str(folder)], "a virtual environment can be made")
        for packages in INSTALLATIONS[platform]:
            pip = [str(_python(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, *packages], f"{packages[-1]} can be installed")
    except SetUpError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / UNFINISHED).unlink()
    return _python(folder)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["no message"]
    said = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])
    raise SetUpError(
        f"the compiler's environment needs that {what}; received {said[:200]!r}. Repeat the command where a package "
        "index can be reached, or name a folder that was set up there by --environment."
    )


@contextmanager
def alone(folder: Path, say: Say) -> Iterator[None]:
    """Holds the environment's lock: one set-up or compilation at a time, since each takes gigabytes and all cores."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{folder.name}.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another process uses the compiler's environment {folder}; waiting for it to end ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
