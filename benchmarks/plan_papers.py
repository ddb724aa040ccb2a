"""Plans the papers' runs on accelerators that are not present: which chips hold them, and how long they would take.

    python benchmarks/plan_papers.py --compile   # hours of CPU, resumable: results go to benchmarks/paper_plans.jsonl
    python benchmarks/plan_papers.py             # the tables, from these results

Each compilation is one of benchmarks/compile_for.py's, in bfloat16; for memory at the compiler's fast effort. Times are
libtpu's estimates where a step was compiled at its default effort, otherwise the lower bound from a chip's published
rates for the compiled program (its roofline). The network between chips is ignored.
"""

import argparse
import functools
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from compilation import environment, report, targets
from compilation.compilations import compile_hlo, needed

from sagan_tf import experiment
from sagan_tf.foundation import jsonl
from sagan_tf.models.chip_memory import USABLE, chip_memory
from sagan_tf.models.chips import CHIPS, Chip
from sagan_tf.models.cost import step_flops
from sagan_tf.models.summary import algorithms_of

RESULTS = Path(__file__).with_name("paper_plans.jsonl")
MODELS = ("sagan_128", "sngan_projection_128", "biggan_128", "biggan_256", "biggan_512")
SLICES = {"v3-8": ("v3", 8), "v4-8": ("v4", 4), "v5e-8": ("v5e", 8), "v5e-64": ("v5e", 64), "v6e-8": ("v6e", 8),
          "one H100": ("H100", 1)}  # fmt: skip
# Chips in the order in which they are compiled for, and for each of MODELS the images per device from which the largest
# power of two that fits is searched.
SEARCHES = {
    "v5e": (256, 64, 128, 32, 16),
    "H100": (256, 64, 512, 128, 64),
    "v4": (256, 64, 256, 64, 32),
    "v3": (256, 64, 128, 32, 16),
    "v6e": (256, 64, 256, 64, 32),
    "v5p": (256, 64, 512, 128, 64),
    "A100": (256, 64, 512, 128, 64),
}
# Whole batches in one program: model, target, replicas.
WHOLE = (("sagan_128", "v5e:2x4", 8), ("biggan_128", "v5e:16x16", 256))
# Compiled at the default effort, for libtpu's estimates of time: model, target, images per device.
TIMED = (("sagan_128", "v5e", 32), ("biggan_128", "v5e", 32))
CERTAIN = 1.1  # a program that would need so much of the memory by proportion is not compiled
KEYS = ("model", "target", "images_per_replica", "effort")


def settings_of(model: str, chip: Chip) -> experiment.Experiment:
    return experiment.load([f"gin/{model}.gin", f"gin/hardware/{chip.platform}.gin"], []).value


def recorded() -> list[dict]:
    return jsonl.read(RESULTS)


def compiled(model: str, target: targets.Target, share: int, effort: str = "fast") -> dict:
    """The record of a compilation by model, target and share; each is done once, and its record kept."""
    for record in recorded():
        if [record[key] for key in KEYS] == [model, target.name, share, effort]:
            return record
    settings = settings_of(model, target.chip)
    folder = environment.default_folder(target.chip.platform)
    with environment.alone(folder, print):
        python = environment.prepare(folder, target.chip.platform, print)
        program = step_program(model, target.chip)
        found = compile_hlo(python, program.hlo(share, target.replicas), target, fast=effort == "fast")
    facts = report.record(settings, target, share, found, state_bytes=program.state_bytes, effort=effort)
    facts = {"model": model, "date": time.strftime("%Y-%m-%d"), **facts}
    jsonl.append(RESULTS, facts, durable=True)
    print(f"{model} {target.name} {share}: {'fits' if facts['fits'] else 'does not fit'}", flush=True)
    return facts


@functools.cache
def step_program(model: str, chip: Chip):
    from compilation.step_program import StepProgram

    return StepProgram(settings_of(model, chip), chip.platform)


def search(model: str, chip: Chip, start: int) -> None:
    """Compiles from `start` images upwards or downwards by factors of two, until the largest that fits is known."""
    target, share = targets.parse(chip.name), start
    batch = settings_of(model, chip).batch_size
    record = compiled(model, target, share)
    while not record["fits"] and share > 1:
        share //= 2
        record = compiled(model, target, share)
    while record["fits"] and share < min(start, batch) * 8 and 2 * share <= batch:
        state = record["state_bytes"]
        if state + 2 * (needed(record) - state) > CERTAIN * chip.memory:
            return
        share *= 2
        record = compiled(model, target, share)
        if not record["fits"]:
            return


def compile_timed(model: str, chip: str, share: int) -> None:
    compiled(model, targets.parse(chip), share, "default")


def compile_whole(model: str, target: str, replicas: int) -> None:
    chip = targets.parse(target, replicas)
    compiled(model, chip, settings_of(model, chip.chip).batch_size // replicas)


def compile_all() -> None:
    """Compiles what is missing, first what the tables need most; each model in a process of its own, since TensorFlow
    keeps the gigabytes of every step that it has traced.
    """
    tasks = [(compile_timed, *timed) for timed in TIMED] + [(compile_whole, *whole) for whole in WHOLE]
    for chip, starts in SEARCHES.items():
        tasks += [(search, model, CHIPS[chip], start) for model, start in zip(MODELS, starts, strict=True)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for task in tasks:
            pool.submit(*task).result()


def compiled_for(model: str, chip: str, effort: str | None = None) -> list[dict]:
    """The steps of one replica that were compiled for this chip and fit."""
    found = [r for r in recorded() if r["model"] == model and r["fits"] and r["replicas"] == 1]
    return [r for r in found if r["target"].partition(":")[0] == chip and effort in (None, r["effort"])]


def largest(model: str, chip: str) -> dict | None:
    """The one with the most images, where these were searched for."""
    return max(compiled_for(model, chip), key=lambda record: record["images_per_replica"], default=None)


def milliseconds(model: str, chip: Chip) -> tuple[float, str]:
    """Milliseconds per image on one device, and by what they are known.

    "libtpu": its estimate. "roofline": the least that the chip's rates allow the program that was compiled for it at
    the default effort, "roofline *" that for v5e. "operations": the least for the products alone. Programs of the fast
    effort move more bytes than they need.
    """
    for record in reversed(compiled_for(model, chip.name, "default")):  # the newest first
        if timed := record["program"].get("milliseconds"):
            return timed / record["images_per_replica"], "libtpu"
    for name, basis in ((chip.name, "roofline"), ("v5e", "roofline *")):
        for record in reversed(compiled_for(model, name, "default")):
            seconds = max(record["product_flops"] / chip.flops, record["program"]["bytes"] / chip.bandwidth)
            return 1e3 * seconds / record["images_per_replica"], basis
    settings = settings_of(model, chip)
    algorithms = algorithms_of(settings.numerics, settings.spec.resolution)
    sizes = {"batch_size": 1, "discriminator_steps": settings.discriminator_steps}
    return 1e3 * step_flops(settings.sized(), algorithms, **sizes) / chip.flops, "operations"


class Held(NamedTuple):
    """The largest power of two of images, at most the paper's batch, that one device holds."""

    images: int
    compiled: bool
    more: bool = False  # whether more fit by calculation

    def __str__(self) -> str:
        return f"{self.images}{'+' if self.more else ''}" if self.compiled else f"({self.images})"


def held(model: str, chip: Chip) -> Held:
    """What the device holds: by compilations for it, or calculated from the description as by `describe --chip`.

    The calculation is in proportion to the model's largest program that was compiled, for this chip or else for
    another TPU or GPU.
    """
    settings = settings_of(model, chip)
    algorithms = algorithms_of(settings.numerics, settings.spec.resolution)
    options = {"precision": settings.numerics.precision, "averaged": settings.average is not None}
    estimate = chip_memory(settings.sized(), algorithms, **options, platform=chip.platform)
    of_model = [r for r in recorded() if r["model"] == model and r["replicas"] == 1]
    here = [r for r in of_model if r["target"].partition(":")[0] == chip.name]
    alike = [r for r in of_model if CHIPS[r["target"].partition(":")[0]].platform == chip.platform]
    ratio, known = 1.0, [r for r in here or alike if r["fits"]]
    if known:
        largest_known = max(known, key=lambda r: r["images_per_replica"])
        share, state = largest_known["images_per_replica"], largest_known["state_bytes"]
        ratio = (needed(largest_known) - state) / (estimate.total(share) - estimate.state)
    calculated = 0
    for images in (1 << n for n in range(settings.batch_size.bit_length())):
        if estimate.state + ratio * (estimate.total(images) - estimate.state) <= USABLE * chip.memory:
            calculated = images
    if not (fits := [r["images_per_replica"] for r in here if r["fits"]]):
        return Held(calculated, compiled=False)
    return Held(max(fits), compiled=True, more=all(r["fits"] for r in here) and calculated > max(fits))


def held_rows() -> Iterator[str]:
    yield "| model, batch | " + " | ".join(CHIPS) + " |"
    yield "|---" * (len(CHIPS) + 1) + "|"
    for model in MODELS:
        batch = settings_of(model, CHIPS["v5e"]).batch_size
        yield f"| {model}, {batch:,} | " + " | ".join(str(held(model, chip)) for chip in CHIPS.values()) + " |"


def memory_rows() -> Iterator[str]:
    yield "| model | chip | images per device | GB they need | of GB | state GB | GFLOP an image |"
    yield "|---|---|---|---|---|---|---|"
    for model in MODELS:
        for name, chip in CHIPS.items():
            if (r := largest(model, name)) is not None:
                share = r["images_per_replica"]
                yield (
                    f"| {model} | {name} | {share} | {needed(r) / 1e9:.1f} | {chip.memory / 1e9:.1f} "
                    f"| {r['state_bytes'] / 1e9:.2f} | {r['product_flops'] / share / 1e9:,.0f} |"
                )


def plan_rows() -> Iterator[str]:
    yield "| model | batch, steps | on | images per device | at once | ms per step | by | hours | chip-hours |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for model in MODELS:
        for name, (kind, devices) in SLICES.items():
            chip = CHIPS[kind]
            each = milliseconds(model, chip)
            settings = settings_of(model, chip)
            share = settings.batch_size / devices
            at_once = held(model, chip)
            at_once = at_once._replace(
                images=min(at_once.images, int(share)), more=at_once.more and at_once.images < share
            )
            hours = settings.total_steps * share * each[0] / 3.6e6
            chip_hours = hours * devices / chip.devices_per_chip
            took = f"{'' if each[1] == 'libtpu' else 'at least '}{share * each[0]:,.0f}"
            yield (
                f"| {model} | {settings.batch_size:,}, {settings.total_steps:,} | {name} | {share:g} | {at_once} "
                f"| {took} | {each[1]} | {hours:,.0f} | {chip_hours:,.0f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true", help="compile what is missing before the tables are printed")
    if parser.parse_args().compile:
        compile_all()
    print("\n".join([*held_rows(), "", *memory_rows(), "", *plan_rows()]))


if __name__ == "__main__":
    main()
