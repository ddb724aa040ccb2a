"""The house's laws: who may import whom, one home for each third party, sizes and names."""

import ast
import functools
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sagan_tf"
FILES = sorted(PACKAGE.rglob("*.py"))

# Leaves that need neither TensorFlow nor another room of the package, so that every room may import them.
FOUNDATION = "foundation"
ALLOWED = {
    "foundation": set(),
    "configuration": set(),
    "layers": set(),
    "latents": set(),
    "objectives": set(),
    "data": set(),
    "figures": set(),
    "models": {"layers"},
    "monitoring": {"layers"},
    "sampling": {"layers", "latents"},
    "evaluation": {"sampling", "data"},
    "training": {"models", "objectives", "latents", "data", "layers"},
    "interop": {"models", "sampling", "layers"},
}
# What several verbs share: everything but the verbs themselves.
ALLOWED["runs"] = {*ALLOWED, "experiment"}
# An import under TYPE_CHECKING, which is never executed.
FOR_ANNOTATIONS_ALONE = {
    ("sagan_tf.data.source", "sagan_tf.data.survey"),
    ("sagan_tf.models.spec_checks", "sagan_tf.models.spec"),
}
VERBS = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__", "experiment", "latents"}
ONLY_IN = {
    "gin": {"configuration/gin_config.py", "configuration/gin_state.py"},
    "tensorflow_gan": {"evaluation/tfgan.py"},
    "tensorflow_datasets": {"data/tfds.py"},
    "tqdm": {"foundation/progress.py"},
    "matplotlib": {"figures/canvas.py", "foundation/fonts.py"},
    "nicegui": {"runs/explorer_server.py"},
    "absl": {"foundation/flag_parser.py", "foundation/notes.py", "foundation/start.py"},
    "tf2onnx": {"interop/onnx.py"},
    "torch": set(),  # state dicts are read without it
}

# Rooms whose tests are in files of the sources' names; elsewhere some test several sources together.
MIRRORED = (
    "configuration",
    "data/image_folder",
    "data/procedural",
    "data/shards",
    "figures",
    "foundation",
    "monitoring",
    "objectives",
    "sampling",
    "training",
)


def name(path):
    return str(path.relative_to(PACKAGE))


@functools.cache
def nodes(path):
    """All nodes of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path):
    """Modules that a file imports, wherever in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module
            if node.module.partition(".")[0] == "sagan_tf":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "sagan_tf" and len(parts) > 1 else None


def test_no_module_of_one_system_is_imported_at_module_level():
    """Elsewhere, such as on Windows, not even `--help` would work; inside of a function its absence can be handled."""
    posix = {"resource", "fcntl", "termios", "tty", "pty", "pwd", "grp", "posix", "syslog", "curses", "readline"}
    windows = {"msvcrt", "winreg", "winsound", "_winapi"}
    tops = [node for path in FILES for node in ast.parse(path.read_text(encoding="utf-8")).body]
    named = {alias.name for node in tops if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in tops if isinstance(node, ast.ImportFrom)}
    assert not {module.partition(".")[0] for module in named} & (posix | windows)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_rooms_import_only_what_the_law_allows(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own not in ALLOWED:
        return
    reached = {room(module) for module in imports(path)} - {None, own, FOUNDATION, "__version__"}
    assert reached <= ALLOWED[own], f"{own} must not import {sorted(reached - ALLOWED[own])}"


def test_no_room_and_no_verb_imports_a_verb():
    for path in FILES:
        verbs = VERBS & {room(module) for module in imports(path)}
        assert not verbs, f"{name(path)} imports {sorted(verbs)}; move what they share into a room"


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_imports(path, modules):
    """The modules of the package that a file imports; `from package import module` imports that module."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            full = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (module if module in modules else node.module for module in full)


def test_the_imports_of_modules_have_no_circle():
    """Imports inside functions count as well; the package's own __init__, the users' way to all rooms, does not."""
    modules = {module_name(path): path for path in FILES if path != PACKAGE / "__init__.py"}
    graph = {module: set(package_imports(path, modules)) - {module} for module, path in modules.items()}
    for module, annotated in FOR_ANNOTATIONS_ALONE:
        graph[module].discard(annotated)
    while leaves := {module for module, reached in graph.items() if not reached}:
        graph = {module: reached - leaves for module, reached in graph.items() if module not in leaves}
    assert not graph, f"these modules import each other, or modules that do: {sorted(graph)}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_third_party_has_one_home(path):
    for module in imports(path):
        homes = ONLY_IN.get(module.partition(".")[0])
        assert homes is None or name(path) in homes, f"{module} belongs in {homes}"
        assert module.partition(".")[0] != "keras", "use tf.keras: `keras` is not there under TF_USE_LEGACY_KERAS=1"


def test_the_foundation_needs_no_tensorflow():
    for path in (PACKAGE / FOUNDATION).glob("*.py"):
        allowed = {"sagan_tf", *sys.stdlib_module_names, *(m for m, homes in ONLY_IN.items() if name(path) in homes)}
        allowed |= {"PIL"} if path.stem == "fonts" else set()
        allowed |= {"numpy"} if path.stem == "npz" else set()
        allowed |= {"tensorflow"} if path.stem == "quiet_import" else set()
        assert {module.partition(".")[0] for module in imports(path)} <= allowed, path


def test_files_are_replaced_and_hashed_in_one_place():
    """Atomic renames, fsync and SHA-256 of files are written once, in foundation/files.py."""
    by_hand = re.compile(r"os\.replace\(|os\.fsync\(|\.replace\(path\)")
    found = {name(path) for path in FILES if by_hand.search(path.read_text(encoding="utf-8"))}
    assert found <= {"foundation/files.py", "foundation/jsonl.py"}


def test_npz_files_are_read_and_written_in_one_place():
    """Damage of an .npz is caught in foundation/npz.py; an .npy, which has one array, is loaded where it is needed."""
    by_hand = re.compile(r"np\.savez|BadZipFile")
    found = {name(path) for path in FILES if by_hand.search(path.read_text(encoding="utf-8"))}
    assert found == {"foundation/npz.py"}


def test_choices_are_checked_in_one_place():
    """An `if` that raises because a value is not among words or a Literal belongs to foundation/choices.py."""
    by_hand = re.compile(r"if .* not in (get_args\(|\(\"|[A-Z_]+:)[^\n]*\n\s+raise ")
    assert not [
        name(path) for path in FILES if by_hand.search(path.read_text(encoding="utf-8")) and path.stem != "image_table"
    ]


# Standard output is for results; every verb's body that prints one is here.
PRINTS_RESULTS = {
    "__main__.py",
    "runs/data_preparation.py",
    "runs/explorer_server.py",
    "runs/measurement.py",
    "runs/training.py",
    *(f"{verb}.py" for verb in ("describe", "export", "import_weights", "sample", "visualize")),
}
# Standard error is for errors, the answer to a signal, TensorFlow's own start-up messages, progress bars and the log.
WRITES_TO_STDERR = {
    "foundation/interruption.py",
    "foundation/notes.py",
    "foundation/progress.py",
    "foundation/quiet_import.py",
    "foundation/refusals.py",
}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_results_are_printed_and_notes_are_logged(path):
    text = path.read_text(encoding="utf-8")
    uses_print = any(isinstance(node, ast.Name) and node.id == "print" for node in nodes(path))
    if re.search(r"file=sys\.std|sys\.std(err|out)\.write", text):
        assert name(path) in WRITES_TO_STDERR, "notes go through foundation/notes.py, errors through refusals.py"
    elif uses_print:
        assert name(path) in PRINTS_RESULTS, "notes go through foundation/notes.py"


def test_levels_are_mapped_to_images_in_one_place():
    """The map between 8-bit levels and [-1, 1] is written once, in foundation/pixels.py."""
    by_hand = {
        name(path) for path in FILES if re.search(r"[/*] (np\.float32\()?127\.5", path.read_text(encoding="utf-8"))
    }
    assert by_hand <= {"foundation/pixels.py", "data/transforms.py"}  # the latter names the formula in its docstring


def test_evaluation_has_six_floors_and_no_circle():
    """The longest chain of imports within evaluation/ has six modules; a circle has no longest chain."""
    folder = PACKAGE / "evaluation"
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in folder.rglob("*.py")
    }
    below = {
        module: {found for found in imports(path) if found in modules and found != module}
        for module, path in modules.items()
    }

    def floor(module, above=()):
        assert module not in above, f"a circle: {' -> '.join([*above, module])}"
        return 1 + max((floor(other, (*above, module)) for other in below[module]), default=0)

    assert max(map(floor, modules)) <= 6


def test_every_room_is_under_the_law():
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert rooms <= set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_keep_their_size(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 260
    assert path.stem not in {"utils", "misc", "common", "helpers"}
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 60, node.name


@pytest.mark.parametrize("folder", MIRRORED)
def test_tests_are_named_after_the_files_that_they_test(folder):
    sources = {path.stem for path in (PACKAGE / folder).glob("*.py")}
    assert {path.stem.removeprefix("test_") for path in (ROOT / "tests" / folder).glob("test_*.py")} <= sources


def test_the_gin_folder_does_not_shadow_the_library():
    assert not list((ROOT / "gin").rglob("*.py"))


def test_every_package_folder_is_a_package():
    folders = {p.parent for p in FILES}
    assert all((folder / "__init__.py").exists() for folder in folders)
