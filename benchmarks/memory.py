"""Compares the estimate of peak memory with real runs: each is a separate training process with two steps.

python benchmarks/memory.py        # about six minutes of two cores, 5 GB of memory
"""

import json
import subprocess
import sys
from pathlib import Path

from sagan_tf import experiment
from sagan_tf.runs import description

RUNS = (
    ("quickstart", ()),
    ("sagan_cifar10", ("train.table_size=10",)),
    ("sagan_128", ("train.batch_size=1",)),
    ("sagan_128", ("train.batch_size=4",)),
    ("sagan_128", ("train.batch_size=8",)),
    ("sagan_128", ("train.batch_size=8", "Numerics.precision='bfloat16'")),
    ("sagan_128", ("train.batch_size=2", "families.sagan.width=96")),
)


def measured(file: str, bindings: tuple[str, ...]) -> int:
    """Peak resident MiB of two training steps."""
    flags = [f"--gin_file={file}", *(f"--gin_bindings={binding}" for binding in bindings)]
    command = [sys.executable, str(Path(__file__).with_name("step.py")), *flags, "--phase=training", "--rounds=1"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])["peak_memory_mb"]


def main() -> None:
    print(f"{'run':<78}{'estimated':>10}{'measured':>10}{'ratio':>7}")
    for name, bindings in RUNS:
        file = f"gin/{name}.gin"
        settings = experiment.load([file], list(bindings)).value
        estimate = description.step_memory(settings, settings.sized()).total >> 20
        peak = measured(file, bindings)
        print(f"{' '.join((name, *bindings)):<78}{estimate:>10}{peak:>10}{estimate / peak:>7.2f}", flush=True)


if __name__ == "__main__":
    main()
