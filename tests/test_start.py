"""How the verbs start: quickly, under one command, with flags that absl's users expect."""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import sagan_tf
from sagan_tf import __main__ as command
from sagan_tf import describe, sample, train, visualize
from sagan_tf.foundation.flag_parser import Parser

HELP_OF_EVERY_VERB = """
import importlib, sys
from sagan_tf.__main__ import VERBS
for verb in VERBS:
    module = importlib.import_module(f"sagan_tf.{verb}")
    for flag in ("--help", "--helpfull", "--version"):
        try:
            module.main([flag])
        except SystemExit as end:
            assert end.code == 0, (verb, flag)
heavy = {"tensorflow", "tf_keras", "keras", "matplotlib", "tensorflow_datasets", "gin"} & set(sys.modules)
assert not heavy, heavy
"""


def test_help_and_version_of_every_verb_import_no_tensorflow():
    done = subprocess.run([sys.executable, "-c", HELP_OF_EVERY_VERB], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("--verbosity LEVEL") >= len(command.VERBS)
    assert done.stdout.count(f"sagan_tf {sagan_tf.__version__}") == len(command.VERBS)


@pytest.mark.parametrize("verb", command.VERBS)
def test_every_flag_is_explained_with_its_default(verb, monkeypatch):
    built = []

    def stop(parser, *_):
        built.append(parser)
        raise SystemExit

    monkeypatch.setattr(Parser, "parse_args", stop)
    with pytest.raises(SystemExit):
        importlib.import_module(f"sagan_tf.{verb}").main([])
    parsers = [built[0]]
    for action in built[0]._actions:
        if isinstance(action, argparse._SubParsersAction):
            parsers += action.choices.values()
    for action in (action for parser in parsers for action in parser._actions if action.option_strings):
        assert action.help, action.option_strings
        if action.default not in (None, False, (), [], argparse.SUPPRESS):
            assert "default" in action.help or str(action.default) in action.help, action.option_strings


def test_the_command_lists_every_verb_and_knows_its_version(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sagan_tf"])
    command.main()
    listed = capsys.readouterr().out
    modules = {path.stem for path in Path(sagan_tf.__file__).parent.glob("*.py") if "start(main)" in path.read_text()}
    assert modules == set(command.VERBS) and all(f"\n  {verb} " in listed for verb in modules)
    monkeypatch.setattr(sys, "argv", ["sagan_tf", "--version"])
    command.main()
    assert capsys.readouterr().out == f"sagan_tf {sagan_tf.__version__}\n"


def test_the_command_is_the_module_of_the_verb(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "sagan_tf.describe")
    monkeypatch.setattr(sys, "argv", ["sagan_tf", "describe", "--replicas=x"])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2 and "argument --replicas" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["sagan_tf", "evalute"])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2 and "received evalute. Did you mean evaluate?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "flags", "told"),
    [
        (train, ["--run_dirr=x", "--gin_file=y"], "there is no flag --run_dirr. Did you mean --run_dir?"),
        (sample, ["--run_dir=x", "--truncaton=1"], "there is no flag --truncaton. Did you mean --truncation?"),
        (visualize, ["attention", "--run_dir=x", "--lair=1"], "there is no flag --lair. Did you mean --layer?"),
        (describe, ["--flagfile=/nowhere"], "/nowhere"),
    ],
)
def test_a_misspelled_flag_is_answered_with_the_right_one(verb, flags, told, capsys):
    with pytest.raises(SystemExit) as end:
        verb.main(flags)
    err = capsys.readouterr().err
    assert end.value.code == 2 and told in err and err.startswith("error: ") and err.count("\n") == 1


def test_flags_are_read_from_a_flagfile_and_repeated_ones_add_up(tmp_path):
    file = tmp_path / "flags"
    file.write_text("# the configuration\n--gin_file=a.gin\n--gin_param=train.seed=1\n--run_dir=RUN\n")
    flags = train.parse([f"--flagfile={file}", "--gin_bindings=train.seed=2", "--gin_file=b.gin", "--stop_at=5"])
    assert flags.gin_file == ["a.gin", "b.gin"] and flags.gin_bindings == ["train.seed=1", "train.seed=2"]
    assert (flags.run_dir, flags.stop_at) == ("RUN", 5)
    assert train.parse(["--run_dir=OTHER"]).gin_file == []  # nothing stays from one call to the next
