"""The pages quote commands with flags that the scripts have, and tables that the scripts print."""

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "benchmarks").glob("*.md"),
]
# Flags that a script adds by a function of another module.
SHARED = {
    "add_configuration": {"gin_file", "gin_bindings", "gin_param", "data", "data_dir"},
    "run_study": {"runs", "stored", "plot", "page"},
}
# Scripts that print a table of stored results, which a page has.
STUDIES = {
    "collapse_watch": [],
    "figure3": [],
    "attention_claim": [],
    **{name: [f"--table=benchmarks/{name}.jsonl"] for name in (
        "variety_study", "peer_learning", "transfer_study", "augmentation_study")},
}  # fmt: skip


def lines_of(path):
    """The code in a page, in blocks and in sentences, or the lines of a script's docstring."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").replace("\\\n", " ").splitlines()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [*"".join(blocks).replace("\\\n", " ").splitlines(), *(" ".join(span.split()) for span in spans)]


def quoted():
    """(where, script, flags) of every command line of a script in the pages and in the scripts' own docstrings."""
    for path in (*PAGES, *SCRIPTS):
        for line in lines_of(path):
            command = line.partition("  #")[0].strip()
            if found := re.match(r"(?:python (?:benchmarks/)?)?(\w+\.py)\b(.*)$", command):
                yield path.name, found[1], re.findall(r"(?<![\w-])--(\w+)", found[2])


def flags_of(script):
    """The flags that a script's source names."""
    source = (ROOT / "benchmarks" / script).read_text(encoding="utf-8")
    found = set(re.findall(r'"--(\w+)"', source))
    return found.union(*(flags for function, flags in SHARED.items() if function in source))


def test_commands_have_flags_that_their_scripts_have():
    commands = [(where, script, flags) for where, script, flags in quoted() if (ROOT / "benchmarks" / script).exists()]
    assert len(commands) > 60 and len({script for _, script, _ in commands}) > 20
    wrong = [(where, script, flag) for where, script, flags in commands for flag in set(flags) - flags_of(script)]
    assert not wrong


@pytest.mark.parametrize("study", STUDIES)
def test_tables_are_those_that_the_scripts_print(study, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", [study, *STUDIES[study]])
    runpy.run_path(f"benchmarks/{study}.py", run_name="__main__")
    printed = [line for line in capsys.readouterr().out.splitlines() if line.strip("| -")]
    lines = {line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()}
    assert len(printed) > 3 and not [line for line in printed if line not in lines]


@pytest.mark.parametrize("study", ["variety_study", "transfer_study", "augmentation_study", "peer_learning"])
def test_a_misspelled_arm_is_refused_before_the_first_is_trained(study, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", [study, f"--out={tmp_path}/out", "--arms=nothing,transfr"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(str(ROOT / f"benchmarks/{study}.py"), run_name="__main__")
    assert "transfr" in capsys.readouterr().err and not (tmp_path / "out").exists()
