"""Which test files give the same answer under both flavors of Keras, because nothing that they reach uses Keras.

`make test-legacy-keras` leaves these out. A file counts as free of Keras if none of the files of this repository that
it imports, directly or through others, inside functions included, names Keras; neither does the conftest.py beside it;
and it neither starts programs nor imports by path. What is new is run under both flavors until all of that holds.
"""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The fixtures of tests/conftest.py that make no networks.
FIXTURES = {"fixed_seeds", "limited_file_size", "browser", "cache", "save_stand_in"}
NAMES_KERAS = re.compile(r"keras", re.IGNORECASE)
ELSEWHERE = re.compile(r"sys\.executable|subprocess|multiprocessing|importlib|runpy")


@functools.cache
def imported(path: Path) -> frozenset[Path]:
    """The files of this repository that a file imports itself."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    stems = [(folder / module.replace(".", "/")) for module in modules for folder in (ROOT, path.parent)]
    files = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py")]
    return frozenset(file for file in files if file.is_file())


def reached(path: Path) -> set[Path]:
    """A file, and all files of this repository that it imports, directly or through others."""
    found, ahead = set(), [path]
    while ahead:
        file = ahead.pop()
        if file not in found:
            found.add(file)
            ahead += imported(file)
    return found


@functools.cache
def is_keras_free(path: Path) -> bool:
    """Whether a test file, with the conftest.py beside it, reaches nothing that names Keras."""
    beside = path.with_name("conftest.py")
    files = reached(path) | (reached(beside) if beside.is_file() and path.parent != ROOT / "tests" else set())
    if ELSEWHERE.search(path.read_text(encoding="utf-8")):
        return False
    return not any(NAMES_KERAS.search(file.read_text(encoding="utf-8")) for file in files)


def mark(items: list[pytest.Item]) -> None:
    """Gives the tests of such files, unless their fixtures make networks, the marker `keras_free`."""
    for item in items:
        of_root = {
            name
            for name, definitions in item._fixtureinfo.name2fixturedefs.items()
            if definitions[-1].baseid == "tests" or definitions[-1].func.__module__ in ("conftest", "tests.conftest")
        }
        if is_keras_free(item.path) and of_root <= FIXTURES:
            item.add_marker("keras_free")
