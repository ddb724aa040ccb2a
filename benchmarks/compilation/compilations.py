"""One compilation in the compilers' environment, read into a record; and the largest batch that a chip holds."""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from compilation import gpus, listing
from compilation.targets import CHIP_CONFIGS, Target

# The compiler's O0: less than a third of the default's time, about the same memory, cycles too pessimistic to report.
FAST = 9
COMPILER = Path(__file__).with_name("compiler.py")
KINDS = ("argument", "output", "temp", "generated_code")  # of memory; results that alias arguments count once


class CompilerError(ValueError):
    """The compiler ended without a result."""


def compile_hlo(python: Path, hlo: bytes, target: Target, *, fast: bool = False, keep: Path | None = None) -> dict:
    """What the target's compiler makes of a program.

    keep: where to write the optimized program, or None.

    Returns "fits" and "compile_cpu_seconds", and either "refusal", the compiler's words, with "needed_bytes" and
    "available_bytes" if it says them; or "memory" (bytes by kind) and "program" (see `program_facts`).

    Raises:
      CompilerError: if the compiler crashes.
    """
    with tempfile.TemporaryDirectory(prefix="compile_for_") as folder:
        files = {name: Path(folder) / name for name in ("step.hlo", "gpu.txtpb", "optimized.txt")}
        files["step.hlo"].write_bytes(hlo)
        command = [str(python), str(COMPILER), str(files["step.hlo"]), f"--optimized={files['optimized.txt']}"]
        if target.chip.platform == "gpu":
            files["gpu.txtpb"].write_text(gpus.target_config(target.chip.name), encoding="utf-8")
            command += [f"--gpu_config={files['gpu.txtpb']}"]
        else:
            command += [f"--topology={target.name}", f"--replicas={target.replicas}"]
            command += [f"--chip_config={CHIP_CONFIGS[target.chip.name]}"] if target.chip.name in CHIP_CONFIGS else []
        command += [f"--level={FAST}"] if fast else []
        done = subprocess.run(command, capture_output=True, text=True)
        said = _last_json(done.stdout)
        if said is None:
            last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["no message"]
            raise CompilerError(
                f"the compiler must end with a result; received exit code {done.returncode} and {last[0][:200]!r}. It "
                "may have lacked memory, of which a large program takes several GB. Repeat it on an idle machine."
            )
        if "error" in said:
            return _refused(said)
        text = files["optimized.txt"].read_text(encoding="utf-8")
    if keep is not None:
        keep.write_text(text, encoding="utf-8")
    memory = said["memory"]
    memory["total"] = sum(memory[kind] for kind in KINDS) - memory["alias"]
    return {
        "fits": target.chip.platform == "tpu" or memory["total"] <= target.chip.memory,
        "compile_cpu_seconds": round(said["cpu_seconds"], 1),
        "memory": memory,
        "program": program_facts(text, None if fast else target.chip.clock),
    }


def _last_json(text: str) -> dict | None:
    lines = [line for line in text.splitlines() if line.startswith("{")]
    try:
        return json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        return None


def _refused(said: dict) -> dict:
    """The compiler's words, without where in its own code they come from, and the figures in them."""
    words = said["error"].split("\n\n")[0].split("Source Location Trace")[0].strip()
    found = {"fits": False, "compile_cpu_seconds": round(said["cpu_seconds"], 1), "refusal": words}
    size = r"([\d.]+[KMG])"
    if figures := re.search(rf"{size} of {size} hbm|\({size}\) exceeds available HBM \({size}\)", words, re.I):
        needs, has = (text for text in figures.groups() if text)
        found |= {"needed_bytes": _bytes(needs), "available_bytes": _bytes(has)}
    return found


def _bytes(text: str) -> float:
    return float(text[:-1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[text[-1].upper()]


def program_facts(text: str, clock: float | None) -> dict:
    """What the optimized program does in a step.

    clock: cycles per second in which its estimates are turned into milliseconds; None where there are none.
    """
    program = listing.parse(text)
    run = listing.executed(program)
    opcodes = program.opcodes()
    facts = {
        "operations": len(run),
        "bytes": listing.moved_bytes(program, run),
        "products": {f"{kind} {dtype}": n for (kind, dtype), n in sorted(listing.products(program).items())},
        "aliased": listing.aliased(program),
        "all_reduces": listing.reductions(program),
        "dynamic_dimensions": listing.dynamic_dimensions(text),
        "host_operations": sum(opcodes[name] for name in listing.HOST),
    }
    if clock is None:
        return facts
    parts: dict[str, float] = {}
    for name, cycles in listing.parts_of(program):
        parts[name] = parts.get(name, 0.0) + cycles / clock * 1e3
    missing = listing.without_estimate(run)
    return {**facts, "milliseconds": sum(parts.values()), "parts": parts, "without_estimate": missing}


def largest(
    compiled: Callable[[int], dict], known: dict[int, float], *, refused: int, step: int, capacity: float
) -> tuple[int, dict] | None:
    """The largest multiple of `step` below `refused` for which `compiled` fits, and its result; None if none does.

    known: the bytes that some numbers of images are known to need, at least of none and of the refused one.
    capacity: bytes of the device.

    The need is nearly linear in the images. Each try is where the line through the last two results reaches the
    capacity, kept between the largest number that fits and the smallest that does not.
    """
    known, below, above, best = dict(known), 0, refused, None
    while above - below > step:
        (a, need_a), (b, need_b) = list(known.items())[-2:]
        guess = a + (capacity - need_a) * (b - a) / (need_b - need_a) if need_b != need_a else (below + above) / 2
        images = min(max(int(guess) // step * step, below + step), (above - 1) // step * step)
        result = compiled(images)
        if (need := needed(result)) is not None:
            known[images] = need
        below, above, best = (images, above, (images, result)) if result["fits"] else (below, images, best)
    return best


def needed(result: dict) -> float | None:
    """The bytes that a program needs, by its memory or by the compiler's refusal; None if that does not say."""
    return result["memory"]["total"] if "memory" in result else result.get("needed_bytes")
