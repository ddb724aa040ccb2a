"""README, docs/ and CONTRIBUTING speak of this tree: paths, names, flags, commands and links are those of today."""

import contextlib
import functools
import importlib
import inspect
import itertools
import re
import runpy
import shlex
from pathlib import Path

import pytest
import setuptools

from sagan_tf import experiment

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / "benchmarks").glob("*.md")), ROOT / "launch/serve.md"]
README_LINES = 214
# Files in backticks that a run, a user or the build makes, rather than the tree.
MADE = {
    "config-STEP.gin",
    "config.gin",
    "config.json",
    "dataset.json",
    "init_from.json",
    "run.json",
    "architecture.txt",
    "health.jsonl",
}
MADE |= {"evaluation_attempts.json", "metrics.jsonl", "train.jsonl", "training.lock"}
ROOMS = sorted(path.name for path in (ROOT / "sagan_tf").iterdir() if path.is_dir() and path.name != "__pycache__")
VERBS = sorted(
    path.stem for path in (ROOT / "sagan_tf").glob("*.py") if "\n    start(main)\n" in path.read_text(encoding="utf-8")
)


def relative(path):
    return str(path.relative_to(ROOT))


def fenced(text):
    """The contents of the fenced blocks."""
    return re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)


def spans(text):
    """The contents of the inline code, where none of it is in a fenced block."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def commands(text):
    """Command lines in fenced blocks and inline code, continuation lines joined, without comments."""
    for block in fenced(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.sub(r"\s#\s.*", "", line).split("&&")
    yield from (span for span in spans(text) if " " in span)


def commands_of(program):
    """(page, arguments) of every command line of `program`, without those that are cut short by `...`."""
    for page in PAGES:
        for command in commands(page.read_text(encoding="utf-8")):
            if command.strip().startswith(program) and "..." not in command:
                yield page, shlex.split(command)


def verb_commands():
    for page, words in commands_of("python -m sagan_tf."):
        verb = words[2].removeprefix("sagan_tf.")
        if verb != "VERB":
            yield pytest.param(verb, tuple(words[3:]), id=f"{relative(page)}: {' '.join(words[2:])}")


@functools.cache
def sources():
    """All words of the code and of what is beside it."""
    kinds = ("*.py", "*.gin", "*.sh", "*.sbatch", "Makefile", "*.toml", "*.yml")
    files = itertools.chain(*((ROOT / folder).rglob(kind) for folder in ("sagan_tf", "gin", "launch", "benchmarks",
                                                                         "tests") for kind in kinds))  # fmt: skip
    texts = [
        file.read_text(encoding="utf-8")
        for file in [*files, ROOT / "setup.py", ROOT / "Makefile"]
        if file != Path(__file__)
    ]
    return set(re.findall(r"\w+", " ".join(texts)))


@functools.cache
def flags():
    """Every flag of a verb, a launch script or a benchmark."""
    python = [*(ROOT / "sagan_tf").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    shell = [*(ROOT / "launch").iterdir()]
    found = {f for file in python for f in re.findall(r"\"--(\w+)\"", file.read_text(encoding="utf-8"))}
    found |= {f for file in shell for f in re.findall(r"--([\w-]+)", file.read_text(encoding="utf-8"))}
    return found | {f"no-{flag}" for flag in found} | {"help"}


@pytest.mark.parametrize("page", LINKING, ids=relative)
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{target} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{target} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_paths_are_there(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.$])((?:sagan_tf|gin|launch|tests|benchmarks|docs)/[\w./*-]*\w)", text)
    below = rf"(?:{'|'.join(ROOMS)})/[\w./*-]*[\w/]"
    named += [f"sagan_tf/{span}" for span in spans(text) if re.fullmatch(below, span)]
    # A file by its name alone, such as `step.py`, lies somewhere in the package or at the root.
    for span in spans(text):
        if re.fullmatch(r"[\w-]+\.(py|gin|md|toml|cfg|json|jsonl|txt|lock|cff)", span) and span not in MADE:
            assert (ROOT / span).exists() or list((ROOT / "sagan_tf").rglob(span)), f"{span} is not in the tree"
    for path in named:
        path = path.rstrip("/.").replace("NAME", "*")
        made_by_run = path.startswith("docs/") and not path.endswith(".md")
        assert made_by_run or list(ROOT.glob(path)), f"{path} is not in the tree"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_modules_are_there(page):
    """A dotted name is a module, or a name in the module before its last dot."""
    for dotted in re.findall(r"\bsagan_tf(?:\.\w+)+", page.read_text(encoding="utf-8")):
        path = ROOT / dotted.replace(".", "/")
        homes = path.parent.with_suffix(".py"), path.parent / "__init__.py"
        text = "".join(home.read_text(encoding="utf-8") for home in homes if home.is_file())
        is_name = re.search(rf"^(def|class) {path.name}\b|\"{path.name}\"|^{path.name}\b.* = ", text, re.M)
        is_module = path.is_dir() or path.with_suffix(".py").is_file()
        assert is_module or is_name or path.name == "VERB", f"{dotted} is not in the package"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_names_are_words_of_the_code(page):
    """Inline code that is an identifier, such as `MonitorOptions.every`, is spelled as in the code."""
    for span in spans(page.read_text(encoding="utf-8")):
        name = span.partition("=")[0].removeprefix("--no-").removeprefix("--").removeprefix("$").partition("/")[0]
        if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?", name) and (
            re.search(r"[a-z][A-Z]|_|\.", name) or name.islower()
        ):
            missing = set(re.findall(r"\w+", name)) - sources()
            assert not missing or name in MADE, f"{span}: {sorted(missing)} is no word of the code"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_flags_are_there(page):
    text = page.read_text(encoding="utf-8")
    ours = re.sub(r"^(pip|sbatch|python -m (venv|pytest|ruff)|tensorboard|git) .*$", "", text, flags=re.M)
    ours = re.sub(r"\bTF_XLA_FLAGS=--\w+", "", ours)
    for flag in re.findall(r"(?<![\w-])--([a-z][\w-]*)", ours):
        assert flag in flags(), f"--{flag} is no flag of a verb, a launch script or a benchmark"


@pytest.mark.parametrize(("verb", "arguments"), list(verb_commands()))
def test_commands_parse(verb, arguments, monkeypatch, capsys):
    module = importlib.import_module(f"sagan_tf.{verb}")
    answered = []
    monkeypatch.setattr(module, "answered", lambda work, **_: answered.append(work) or 0)
    with contextlib.suppress(SystemExit):
        module.main(list(arguments))
    assert answered, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_configurations_load(page):
    """The gin files and bindings of every command are one that a run could begin with."""
    for at, words in commands_of("python -m sagan_tf."):
        if at == page and (files := values(words, "gin_file")) and "FILE" not in files:
            experiment.load(files, values(words, "gin_bindings"))


def values(words, flag):
    return [word.partition("=")[2] for word in words if word.startswith(f"--{flag}=")]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_bindings_name_what_gin_can_set(page):
    text = page.read_text(encoding="utf-8")
    names = "|".join(map(re.escape, sorted(experiment.CONFIGURABLES, key=len, reverse=True)))
    for name, parameter in re.findall(rf"(?<![\w./])({names})\.(\w+)\b(?!\()", text):
        made = experiment.CONFIGURABLES[name]
        if not (name == "train" and parameter in ("py", "jsonl")):
            assert parameter in inspect.signature(made).parameters, f"{name}.{parameter} is nothing that gin can set"


def test_values_of_bindings_are_accepted():
    """A binding in inline code, such as `Numerics.precision='bfloat16'`, is one that the quickstart can have."""
    names = "|".join(map(re.escape, experiment.CONFIGURABLES))
    named = {span for page in PAGES for span in spans(page.read_text(encoding="utf-8"))}
    bindings = sorted(span for span in named if re.fullmatch(rf"({names})\.\w+=(?!N$)\S+", span))
    assert len(bindings) > 10
    for binding in bindings:
        experiment.load(["gin/quickstart.gin"], [binding])


def test_make_targets_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page, words in commands_of("make "):
        assert words[1] in targets, f"{relative(page)}: make {words[1]}"


def test_the_readme_stays_short_and_names_every_verb():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= README_LINES
    assert not [verb for verb in VERBS if f"sagan_tf.{verb}" not in text]


def test_every_configuration_is_listed():
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/systems.md"))
    runs = [relative(path) for folder in ("gin", "gin/released") for path in (ROOT / folder).glob("*.gin")]
    assert not [run for run in runs if run not in text]
    assert not [path for path in (ROOT / "gin/ablations").iterdir() if relative(path) not in text]


def test_the_architecture_page_tells_the_law():
    """Its table of rooms is that of tests/test_layout.py."""
    law = runpy.run_path(str(ROOT / "tests/test_layout.py"))["ALLOWED"]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", page, re.M))
    told = {room: set(imported.split(", ")) - {"nothing"} for room, imported in rows.items()}
    told["runs"] = {*told, *re.findall(r"`(\w+)`", rows["runs"])} - {"runs"}
    assert told == law


@functools.cache
def metadata():
    """What setup.py hands to setuptools."""
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        runpy.run_path(str(ROOT / "setup.py"))
    return given


def test_the_package_index_gets_no_link_that_it_cannot_follow():
    text = metadata()["long_description"]
    assert "![" not in text and not re.search(r"^\*\w", text, re.M), "pictures go with their captions"
    assert [url for url in re.findall(r"\]\(([^)]+)\)", text) if not url.startswith("https://")] == []
    assert "docs/own_images.md goes on" in text and "The explorer is reachable" in text


def test_the_package_is_described_and_says_that_it_is_typed():
    given = metadata()
    assert (given["author"], given["license"]) == ("The sagan_tf authors", "Apache-2.0")
    assert "py.typed" in given["package_data"]["sagan_tf"] and (ROOT / "sagan_tf/py.typed").is_file()
    for package, patterns in given["package_data"].items():
        folder = ROOT / given["package_dir"].get(package, package.replace(".", "/"))
        assert all(list(folder.glob(pattern)) for pattern in patterns), package
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {given['version']}\n" in citation and 'name: "The sagan_tf authors"' in citation


def test_the_source_distribution_has_what_the_readme_shows():
    listed = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split()
    targets = re.findall(r"\]\(([^):]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert targets and {target.partition("#")[0].split("/")[0] for target in targets} <= {*listed, "LICENSE"}
