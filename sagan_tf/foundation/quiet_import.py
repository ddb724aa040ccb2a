"""Suppresses TensorFlow's start-up messages when TensorFlow is imported.

Importing `sagan_tf` doesn't import TensorFlow: a finder in sys.meta_path waits for the first `import tensorflow`.
"""

import contextlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


def install() -> None:
    """Makes later imports of TensorFlow silent; messages are shown if the import fails or an existing GPU isn't found.

    Set TF_CPP_MIN_LOG_LEVEL to see them always.
    """
    if "tensorflow" not in sys.modules and "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        others = (finder for finder in sys.meta_path if not isinstance(finder, _Finder))
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Runs a module by its own loader, and leaves that loader in the module's attributes."""

    def __init__(self, loader: importlib.abc.Loader):
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        module.__loader__ = module.__spec__.loader = self._loader
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        with _captured_stderr() as shown:
            self._loader.exec_module(module)
            gpus = module.config.list_physical_devices("GPU")
            shown[0] = Path("/dev/nvidiactl").exists() and not gpus


@contextlib.contextmanager
def _captured_stderr() -> Iterator[list[bool]]:
    """Captures file descriptor 2 in the block; the text is shown afterwards if the yielded list holds True."""
    if sys.stderr is None:  # nobody would see it
        yield [True]
        return
    try:
        notes = tempfile.TemporaryFile()  # noqa: SIM115  closed below
    except OSError:  # there is no place for temporary files
        yield [True]
        return
    shown = [True]
    sys.stderr.flush()
    stderr = os.dup(2)
    with notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield shown
        except (KeyboardInterrupt, SystemExit):  # caused by the user, which the messages don't explain
            shown[0] = False
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if shown[0]:
                notes.seek(0)
                sys.stderr.write(notes.read().decode(errors="replace"))
