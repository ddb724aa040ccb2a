"""The processor and the GPU on which a table was measured."""

import os
import shutil
import subprocess
from pathlib import Path

# The instructions that decide how fast products of matrices are, as Linux names them.
_TELLING = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def processor() -> str:
    """The cores' number and name, and which of these instructions they have: "2 x AMD EPYC (avx2, no amx_bf16)"."""
    try:
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return f"{os.cpu_count()} cores"
    facts = {key.strip(): value.strip() for key, _, value in lines}
    flags = facts.get("flags", "").split()
    named = ", ".join(name if name in flags else f"no {name}" for name in _TELLING)
    return f"{os.cpu_count()} x {facts.get('model name', 'a processor')} ({named})"


def gpu() -> str:
    """The GPUs' names and the driver's version as nvidia-smi states them, after a comma; empty where there is none."""
    if not shutil.which("nvidia-smi"):
        return ""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    lines = subprocess.run(query, capture_output=True, text=True).stdout.split("\n")
    return "".join(f", {line}" for line in lines if line)
