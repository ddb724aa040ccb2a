"""Reads the optimized program that XLA writes as text: operations, the bytes they move, and libtpu's estimates.

libtpu writes an estimate of cycles with every operation. A loop's body counts as often as it runs, and of a
conditional's branches, the one that takes longest counts.
"""

import collections
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "f32": 4, "s32": 4, "u32": 4}
BYTES |= {"f64": 8, "s64": 8, "u64": 8, "c64": 8}
HOST = ("infeed", "outfeed", "send", "recv", "send-done", "recv-done")
# They name or hand on what is there.
FREE = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "partition-id", "replica-id")
UNKNOWN = 1 << 50  # the compiler's mark of an operation whose cycles it can't estimate

_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%(\S+) = (.*?) ([a-z][a-z0-9-]*)\((.*)$")
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\](?:\{([\d,]*)(?::([^}]*))?\})?")


@dataclass(frozen=True)
class Instruction:
    name: str
    result: str  # its type and layout
    opcode: str
    rest: str  # operands and attributes

    def attribute(self, pattern: str) -> str | None:
        found = re.search(pattern, self.rest)
        return found[1] if found else None

    @property
    def op_name(self) -> str:
        """TensorFlow's name of the operation that it comes from; "" where the compiler made it."""
        return self.attribute(r'op_name="([^"]*)"') or ""

    @property
    def cycles(self) -> int | None:
        found = self.attribute(r'"estimated_cycles":"(-?\d+)"')
        return None if found is None else int(found)

    @property
    def operands(self) -> list[str]:
        return re.findall(r"%([\w.\-]+)", self.rest.split("), ")[0])


@dataclass
class Program:
    """The computations of a module by name, and which of them is run."""

    head: str = ""
    entry: str = ""
    computations: dict[str, list[Instruction]] = field(default_factory=dict)

    def called(self, instruction: Instruction) -> list[Instruction]:
        """The instructions of a fusion."""
        return self.computations.get(instruction.attribute(r"calls=%?([\w.\-]+)") or "", [])

    def opcodes(self) -> collections.Counter:
        return collections.Counter(i.opcode for computation in self.computations.values() for i in computation)


def parse(text: str) -> Program:
    program, current = Program(), None
    for line in text.splitlines():
        if line.startswith("HloModule"):
            program.head = line
        elif line.startswith("}"):
            current = None
        elif line and not line.startswith(" ") and line.rstrip().endswith("{"):
            words = line.split()
            name = words[words[0] == "ENTRY"].lstrip("%")
            current = program.computations[name] = []
            program.entry = name if words[0] == "ENTRY" else program.entry
        elif current is not None and (found := _INSTRUCTION.match(line)):
            current.append(Instruction(*found.groups()))
    return program


def executed(program: Program, name: str | None = None, times: int = 1) -> list[tuple[int, Instruction]]:
    """(how often, instruction) of all that is scheduled; the inside of a fusion is one instruction."""
    found = []
    for instruction in program.computations[name or program.entry]:
        found.append((times, instruction))
        if instruction.opcode == "while":
            body = instruction.attribute(r"body=%?([\w.\-]+)")
            found += executed(program, body, times * _trips(program, instruction))
        elif instruction.opcode == "conditional":
            branches = [executed(program, branch, times) for branch in _branches(instruction)]
            found += max(branches, key=total_cycles, default=[])
        elif instruction.opcode in ("call", "async-start"):
            inner = instruction.attribute(r"(?:to_apply|calls)=%?([\w.\-]+)")
            found += executed(program, inner, times) if inner in program.computations else []
    return found


def total_cycles(instructions: list[tuple[int, Instruction]]) -> int:
    return sum(times * (i.cycles or 0) for times, i in instructions if (i.cycles or 0) < UNKNOWN)


def _branches(instruction: Instruction) -> list[str]:
    listed = instruction.attribute(r"branch_computations=\{([^}]*)\}")
    if listed:
        return [name.strip().lstrip("%") for name in listed.split(",")]
    return re.findall(r"(?:true|false)_computation=%?([\w.\-]+)", instruction.rest)


def _trips(program: Program, loop: Instruction) -> int:
    """How often a loop runs: what the compiler says, or the largest integer that its condition compares with."""
    known = loop.attribute(r'"known_trip_count":\{"n":"(\d+)"\}')
    return int(known) if known else _largest(program, loop.attribute(r"condition=%?([\w.\-]+)") or "")


def _largest(program: Program, name: str) -> int:
    found = [1]
    for i in program.computations.get(name, []):
        if i.opcode == "constant" and re.match(r"[su]\d+\[\]", i.result) and (value := re.match(r"\d+", i.rest)):
            found.append(int(value[0]))
        if inner := i.attribute(r"calls=%?([\w.\-]+)"):
            found.append(_largest(program, inner))
    return max(found)


def size(kind: str, dimensions: str, order: str | None, layout: str | None) -> int:
    """Bytes of an array in the memory, its tiles filled up; 0 for one that lives in the chip's own memory, S(1)..."""
    if layout and re.search(r"S\(\d+\)", layout):
        return 0
    sides = [int(n) for n in dimensions.split(",") if n]
    tile = [int(n) for n in (re.match(r"T\(([\d,]+)\)", layout or "") or ["", ""])[1].split(",") if n]
    minor = [int(n) for n in (order or "").split(",") if n]
    if tile and len(minor) == len(sides):
        for length, axis in zip(reversed(tile), minor, strict=False):
            sides[axis] = math.ceil(sides[axis] / length) * length
    return math.prod(sides) * BYTES.get(kind, 4)


def bytes_of(types: str) -> int:
    """Bytes of an array, or of all those of a tuple."""
    return sum(size(*found) for found in _ARRAY.findall(types))


def moved_bytes(program: Program, instructions: list[tuple[int, Instruction]]) -> int:
    """Bytes that the instructions read and write: each of their operands and results once."""
    results = {i.name: bytes_of(i.result) for computation in program.computations.values() for i in computation}
    waiting = (*FREE, "while", "conditional", "call")
    return sum(
        times * (results[i.name] + sum(results.get(name, 0) for name in i.operands))
        for times, i in instructions
        if i.opcode not in waiting and not i.opcode.endswith("-done")
    )


def products(program: Program) -> collections.Counter:
    """Convolutions and matrix products, also those within fusions, by the type of their inputs.

    TPUs make convolutions of matrix products too; TensorFlow's name of the operation tells them apart.
    """
    found: collections.Counter = collections.Counter()
    for computation in program.computations.values():
        results = {i.name: i.result for i in computation}
        for i in computation:
            library = i.opcode == "custom-call" and re.search(r'custom_call_target="__(cudnn|cublas)', i.rest)
            if i.opcode in ("convolution", "dot") or library:
                source = results.get(i.operands[0], i.result) if i.operands else i.result
                kind = "convolution" if re.search("conv2d", i.op_name, re.I) else "matrix product"
                found[kind, re.match(r"\(?([a-z]+\d*)", source)[1]] += 1
    return found


def dynamic_dimensions(text: str) -> int:
    """How many dimensions have a bound in place of a size."""
    return len(re.findall(r"\[[^\]\s]*<=", text))


def aliased(program: Program) -> int:
    """How many of the results take the place of an argument."""
    found = re.search(r"input_output_alias=\{(.*?)\}, \w+=", program.head)
    return len(re.findall(r"\{\d*\}: \(", found[1])) if found else 0


def reductions(program: Program) -> int:
    """All-reduces that a step executes."""
    return sum(times for times, i in executed(program) if i.opcode in ("all-reduce", "all-reduce-start"))


def parts_of(program: Program) -> Iterator[tuple[str, int]]:
    """(part of the network, cycles) of every executed instruction that the compiler gives an estimate for."""
    for times, i in executed(program):
        if i.cycles and i.cycles < UNKNOWN:
            yield part(program, i), times * i.cycles


def without_estimate(run: list[tuple[int, Instruction]]) -> int:
    """How many of the executed calls of the compiler's own kernels have no estimate of cycles."""
    kernels = [(times, i) for times, i in run if "tpu_custom_call" in i.rest or (i.cycles or 0) >= UNKNOWN]
    return sum(times for times, i in kernels if not 0 < (i.cycles or 0) < UNKNOWN)


def part(program: Program, instruction: Instruction) -> str:
    """What an instruction is for, in the terms of benchmarks/profile_step.py."""
    inside = program.called(instruction)
    name = instruction.op_name or next((i.op_name for i in reversed(inside) if i.op_name), "")
    if "ApplyAdam" in name:
        return "optimizer"
    if "while" in name or ("self_attention" in name and "spectral_norm" not in name):
        return "attention"
    product = "convolution" in (instruction.opcode, *(i.opcode for i in inside))
    if re.search(r"Conv2D|conv2d", name) and (product or instruction.opcode == "custom-call"):
        return "convolutions"
    if "spectral_norm" in name:
        return "spectral norms"
    return "batch norms" if "batch_norm" in name or "moments" in name else "the rest"
