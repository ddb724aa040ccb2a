"""CPU seconds of the commands' starts: every verb's --help and --version, `import sagan_tf`, and training's first step.

    python benchmarks/start.py                               # the verbs
    python benchmarks/start.py --training [--tree=CHECKOUT]  # to the first step at 32 and 64 px; of other checkouts too

Every measurement is a separate process; programs take turns, and the smallest of the rounds is given, since other work
on the machine only adds time. CPU seconds are those of user and system over all threads; they depend less on other work
than wall time does. `of which` is what training itself logs at its first step, in wall time.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIZES = {
    "32 px, gin/quickstart.gin": ["--gin_file=gin/quickstart.gin"],
    "64 px, gin/own_64.gin": ["--gin_file=gin/own_64.gin", "--gin_file=gin/data/procedural.gin"],
}
SHORT = ("train.batch_size=4", "train.steps_per_call=1", "train.evaluation=None", "train.evaluate_every=0",
         "train.augmentation=None", "ProceduralSource.n_examples=64", "train.sample_every=0",
         "MonitorOptions.every=0")  # fmt: skip
ANEW = ["bash", "-c", 'rm -rf "$0"; exec "$@"']  # removes the run directory that follows, then runs the rest


def cpu_seconds(words: list[str], tree: Path) -> tuple[float, str]:
    """User and system time of a command in a checkout, and what it wrote on standard error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stderr


def least(commands: dict[str, tuple[list[str], Path]], rounds: int) -> dict[str, tuple[float, str]]:
    """The least CPU seconds of each command over rounds in which all take turns, with what that one wrote."""
    found = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (words, tree) in commands.items():
            found[name].append(cpu_seconds(words, tree))
    return {name: min(measured) for name, measured in found.items()}


def verbs(rounds: int) -> None:
    """Prints a row for each verb, and for two imports."""
    sys.path.insert(0, str(ROOT))
    from sagan_tf.__main__ import VERBS

    python = sys.executable
    commands = {
        f"{verb} {flag}": ([python, "-m", f"sagan_tf.{verb}", flag], ROOT)
        for verb in VERBS
        for flag in ("--help", "--version")
    }
    commands |= {f"import {name}": ([python, "-c", f"import {name}"], ROOT) for name in ("sagan_tf", "tensorflow")}
    seconds = {name: found[0] for name, found in least(commands, rounds).items()}
    print("| command | `--help` | `--version` |\n|---|---|---|")
    for verb in VERBS:
        print(f"| `{verb}` | {seconds[f'{verb} --help']:.2f} | {seconds[f'{verb} --version']:.2f} |")
    for name in ("import sagan_tf", "import tensorflow"):
        print(f"| `{name}` | {seconds[name]:.2f} | |")


def training(trees: list[Path], rounds: int) -> None:
    """Prints a row for each checkout and size."""
    bindings = [f"--gin_bindings={binding}" for binding in SHORT]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            (tree, size): (
                [*ANEW, f"{folder}/run", sys.executable, "-m", "sagan_tf.train", *files, *bindings,
                 f"--run_dir={folder}/run", "--stop_after=1", "--strategy=cpu"],
                tree,
            )
            for size, files in SIZES.items()
            for tree in trees
        }  # fmt: skip
        found = least(commands, rounds)
    print("| checkout | run | CPU s | of which |\n|---|---|---|---|")
    for (tree, size), (seconds, told) in found.items():
        parts = re.search(r"From the command to the first steps: (.*)\.", told)
        print(f"| {tree} | {size} | {seconds:.1f} | {parts[1] if parts else ''} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", action="store_true", help="training's first step in place of the verbs")
    parser.add_argument("--tree", action="append", type=Path, default=[], help="another checkout, to be compared")
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    if flags.training:
        training([ROOT, *(tree.resolve() for tree in flags.tree)], flags.rounds)
    else:
        verbs(flags.rounds)


if __name__ == "__main__":
    main()
